// Every suite by its path in test/. Node and workerd both take their cases from this list, so both run the same cases.

import { cases as originEventKeyEventKey } from "../origin/event-key/event-key.suite.ts";
import { cases as originEventKeyJsonPointers } from "../origin/event-key/json-pointers.suite.ts";
import { cases as originFailureCause } from "../origin/failure-cause.suite.ts";
import type { Cases } from "../support/scenes/certificates.ts";
import { cases as coreAdmissionAdmit } from "./admission/admit.suite.ts";
import { cases as coreAdmissionBasic } from "./admission/basic.suite.ts";
import { cases as coreAdmissionBody } from "./admission/body.suite.ts";
import { cases as coreAdmissionFactors } from "./admission/factors.suite.ts";
import { cases as coreAdmissionToken } from "./admission/token.suite.ts";
import { cases as coreAssertionAssertion } from "./assertion/assertion.suite.ts";
import { cases as coreAssertionClaims } from "./assertion/claims.suite.ts";
import { cases as coreAssertionEs256 } from "./assertion/es256.suite.ts";
import { cases as coreAssertionForgery } from "./assertion/forgery.suite.ts";
import { cases as coreAssertionKeys } from "./assertion/keys.suite.ts";
import { cases as coreAssertionSeal } from "./assertion/seal.suite.ts";
import { cases as coreConfigurationError } from "./configuration-error.suite.ts";
import { cases as coreDecisionKeep } from "./decision/keep.suite.ts";
import { cases as coreDecisionObservation } from "./decision/observation.suite.ts";
import { cases as coreDecisionProblem } from "./decision/problem.suite.ts";
import { cases as coreDeliveryChallenge } from "./delivery/challenge.suite.ts";
import { cases as coreDeliveryDelivery } from "./delivery/delivery.suite.ts";
import { cases as coreDeliveryHeaders } from "./delivery/headers.suite.ts";
import { cases as coreDeliveryId } from "./delivery/id.suite.ts";
import { cases as coreDeliveryReceive } from "./delivery/receive.suite.ts";
import { cases as coreDeliverySignedHeaders } from "./delivery/signed-headers.suite.ts";
import { cases as coreForm } from "./form.suite.ts";
import { cases as coreHandshakeQuestion } from "./handshake/question.suite.ts";
import { cases as coreHandshakeSchemes } from "./handshake/schemes.suite.ts";
import { cases as coreLogWords } from "./log-words.suite.ts";
import { cases as corePolicyAllowlist } from "./policy/allowlist.suite.ts";
import { cases as corePolicyCompile } from "./policy/compile.suite.ts";
import { cases as corePolicyCrls } from "./policy/crls.suite.ts";
import { cases as corePolicyDigest } from "./policy/digest.suite.ts";
import { cases as corePolicyExpiry } from "./policy/expiry.suite.ts";
import { cases as corePolicyFactors } from "./policy/factors.suite.ts";
import { cases as corePolicyHosts } from "./policy/hosts.suite.ts";
import { cases as corePolicyMatcher } from "./policy/matcher.suite.ts";
import { cases as corePolicyRoutes } from "./policy/routes.suite.ts";
import { cases as coreRandomPool } from "./random-pool.suite.ts";
import { cases as coreRequestQuotes } from "./request/quotes.suite.ts";
import { cases as coreRequestStrictJson } from "./request/strict-json.suite.ts";
import { cases as coreRequestTarget } from "./request/target.suite.ts";
import { cases as coreRevocationKeeping } from "./revocation/keeping.suite.ts";
import { cases as coreRevocationLists } from "./revocation/lists.suite.ts";
import { cases as coreRevocationRevocation } from "./revocation/revocation.suite.ts";
import { cases as coreRevocationSource } from "./revocation/source.suite.ts";
import { cases as coreShownText } from "./shown-text.suite.ts";
import { cases as coreSignatureBodyRespellings } from "./signature/body-respellings.suite.ts";
import { cases as coreSignatureDiagnose } from "./signature/diagnose.suite.ts";
import { cases as coreSignatureForgery } from "./signature/forgery.suite.ts";
import { cases as coreSignatureKey } from "./signature/key.suite.ts";
import { cases as coreSignatureMalformed } from "./signature/malformed.suite.ts";
import { cases as coreSignatureObjectBodies } from "./signature/object-bodies.suite.ts";
import { cases as coreSignatureSignedRequest } from "./signature/signed-request.suite.ts";
import { cases as coreSignatureVectors } from "./signature/vectors.suite.ts";
import { cases as coreSignatureVerify } from "./signature/verify.suite.ts";
import { cases as coreTrustAuthorities } from "./trust/authorities.suite.ts";
import { cases as coreTrustIssuer } from "./trust/issuer.suite.ts";
import { cases as coreTrustPath } from "./trust/path.suite.ts";
import { cases as coreTrustPathProfile } from "./trust/path-profile.suite.ts";
import { cases as coreTrustPresentedAgain } from "./trust/presented-again.suite.ts";
import { cases as coreTrustVerify } from "./trust/verify.suite.ts";
import { cases as coreWeakCache } from "./weak-cache.suite.ts";
import { cases as coreX509Algorithms } from "./x509/algorithms.suite.ts";
import { cases as coreX509AttributeTypes } from "./x509/attribute-types.suite.ts";
import { cases as coreX509Certificate } from "./x509/certificate.suite.ts";
import { cases as coreX509CertificateBytes } from "./x509/certificate-bytes.suite.ts";
import { cases as coreX509CertificateExtensions } from "./x509/certificate-extensions.suite.ts";
import { cases as coreX509CertificateMalformed } from "./x509/certificate-malformed.suite.ts";
import { cases as coreX509ClientCertificate } from "./x509/client-certificate.suite.ts";
import { cases as coreX509Crl } from "./x509/crl.suite.ts";
import { cases as coreX509CrlContents } from "./x509/crl-contents.suite.ts";
import { cases as coreX509CrlMalformed } from "./x509/crl-malformed.suite.ts";
import { cases as coreX509Der } from "./x509/der.suite.ts";
import { cases as coreX509DistinguishedName } from "./x509/distinguished-name.suite.ts";
import { cases as coreX509DistinguishedNameFolding } from "./x509/distinguished-name-folding.suite.ts";
import { cases as coreX509ExtensionValues } from "./x509/extension-values.suite.ts";
import { cases as coreX509GeneralName } from "./x509/general-name.suite.ts";
import { cases as coreX509NameConstraints } from "./x509/name-constraints.suite.ts";
import { cases as coreX509PublicKey } from "./x509/public-key.suite.ts";
import { cases as coreX509Subtree } from "./x509/subtree.suite.ts";

export const suites: Readonly<Record<string, Cases>> = {
  "core/admission/admit": coreAdmissionAdmit,
  "core/admission/basic": coreAdmissionBasic,
  "core/admission/body": coreAdmissionBody,
  "core/admission/factors": coreAdmissionFactors,
  "core/admission/token": coreAdmissionToken,
  "core/assertion/assertion": coreAssertionAssertion,
  "core/assertion/claims": coreAssertionClaims,
  "core/assertion/es256": coreAssertionEs256,
  "core/assertion/forgery": coreAssertionForgery,
  "core/assertion/keys": coreAssertionKeys,
  "core/assertion/seal": coreAssertionSeal,
  "core/configuration-error": coreConfigurationError,
  "core/decision/keep": coreDecisionKeep,
  "core/decision/observation": coreDecisionObservation,
  "core/decision/problem": coreDecisionProblem,
  "core/delivery/challenge": coreDeliveryChallenge,
  "core/delivery/delivery": coreDeliveryDelivery,
  "core/delivery/headers": coreDeliveryHeaders,
  "core/delivery/id": coreDeliveryId,
  "core/delivery/receive": coreDeliveryReceive,
  "core/delivery/signed-headers": coreDeliverySignedHeaders,
  "core/form": coreForm,
  "core/handshake/question": coreHandshakeQuestion,
  "core/handshake/schemes": coreHandshakeSchemes,
  "core/log-words": coreLogWords,
  "core/policy/allowlist": corePolicyAllowlist,
  "core/policy/compile": corePolicyCompile,
  "core/policy/crls": corePolicyCrls,
  "core/policy/digest": corePolicyDigest,
  "core/policy/expiry": corePolicyExpiry,
  "core/policy/factors": corePolicyFactors,
  "core/policy/hosts": corePolicyHosts,
  "core/policy/matcher": corePolicyMatcher,
  "core/policy/routes": corePolicyRoutes,
  "core/random-pool": coreRandomPool,
  "core/request/quotes": coreRequestQuotes,
  "core/request/strict-json": coreRequestStrictJson,
  "core/request/target": coreRequestTarget,
  "core/revocation/keeping": coreRevocationKeeping,
  "core/revocation/lists": coreRevocationLists,
  "core/revocation/revocation": coreRevocationRevocation,
  "core/revocation/source": coreRevocationSource,
  "core/shown-text": coreShownText,
  "core/signature/body-respellings": coreSignatureBodyRespellings,
  "core/signature/diagnose": coreSignatureDiagnose,
  "core/signature/forgery": coreSignatureForgery,
  "core/signature/key": coreSignatureKey,
  "core/signature/malformed": coreSignatureMalformed,
  "core/signature/object-bodies": coreSignatureObjectBodies,
  "core/signature/signed-request": coreSignatureSignedRequest,
  "core/signature/vectors": coreSignatureVectors,
  "core/signature/verify": coreSignatureVerify,
  "core/trust/authorities": coreTrustAuthorities,
  "core/trust/issuer": coreTrustIssuer,
  "core/trust/path-profile": coreTrustPathProfile,
  "core/trust/path": coreTrustPath,
  "core/trust/presented-again": coreTrustPresentedAgain,
  "core/trust/verify": coreTrustVerify,
  "core/weak-cache": coreWeakCache,
  "core/x509/algorithms": coreX509Algorithms,
  "core/x509/attribute-types": coreX509AttributeTypes,
  "core/x509/certificate-bytes": coreX509CertificateBytes,
  "core/x509/certificate-extensions": coreX509CertificateExtensions,
  "core/x509/certificate-malformed": coreX509CertificateMalformed,
  "core/x509/certificate": coreX509Certificate,
  "core/x509/client-certificate": coreX509ClientCertificate,
  "core/x509/crl-contents": coreX509CrlContents,
  "core/x509/crl-malformed": coreX509CrlMalformed,
  "core/x509/crl": coreX509Crl,
  "core/x509/der": coreX509Der,
  "core/x509/distinguished-name-folding": coreX509DistinguishedNameFolding,
  "core/x509/distinguished-name": coreX509DistinguishedName,
  "core/x509/extension-values": coreX509ExtensionValues,
  "core/x509/general-name": coreX509GeneralName,
  "core/x509/name-constraints": coreX509NameConstraints,
  "core/x509/public-key": coreX509PublicKey,
  "core/x509/subtree": coreX509Subtree,
  "origin/event-key/event-key": originEventKeyEventKey,
  "origin/event-key/json-pointers": originEventKeyJsonPointers,
  "origin/failure-cause": originFailureCause,
};
