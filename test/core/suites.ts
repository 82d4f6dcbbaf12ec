// Every suite by the name of its file. Node and workerd take their list of cases from here.

import { cases as admit } from "./admit.suite.ts";
import { cases as admitFactors } from "./admit-factors.suite.ts";
import { cases as algorithms } from "./algorithms.suite.ts";
import { cases as allowlist } from "./allowlist.suite.ts";
import { cases as assertion } from "./assertion.suite.ts";
import { cases as assertionClaims } from "./assertion-claims.suite.ts";
import { cases as assertionForgery } from "./assertion-forgery.suite.ts";
import { cases as attributeTypes } from "./attribute-types.suite.ts";
import { cases as basic } from "./basic.suite.ts";
import { cases as bodies } from "./bodies.suite.ts";
import { cases as bodyRespelling } from "./body-respelling.suite.ts";
import { cases as certificate } from "./certificate.suite.ts";
import { cases as certificateBytes } from "./certificate-bytes.suite.ts";
import { cases as certificateExtensions } from "./certificate-extensions.suite.ts";
import { cases as certificateMalformed } from "./certificate-malformed.suite.ts";
import { cases as configurationError } from "./configuration-error.suite.ts";
import { cases as crl } from "./crl.suite.ts";
import { cases as crlContents } from "./crl-contents.suite.ts";
import { cases as crlKeeping } from "./crl-keeping.suite.ts";
import { cases as crlMalformed } from "./crl-malformed.suite.ts";
import { cases as crlSource } from "./crl-source.suite.ts";
import { cases as decision } from "./decision.suite.ts";
import { cases as delivery } from "./delivery.suite.ts";
import { cases as der } from "./der.suite.ts";
import { cases as distinguishedName } from "./distinguished-name.suite.ts";
import { cases as endings } from "./endings.suite.ts";
import { cases as es256 } from "./es256.suite.ts";
import { cases as eventKey } from "./event-key.suite.ts";
import { cases as extensionValues } from "./extension-values.suite.ts";
import { cases as failureCause } from "./failure-cause.suite.ts";
import { cases as findingTexts } from "./finding-texts.suite.ts";
import { cases as form } from "./form.suite.ts";
import { cases as forwarding } from "./forwarding.suite.ts";
import { cases as generalName } from "./general-name.suite.ts";
import { cases as intermediates } from "./intermediates.suite.ts";
import { cases as jsonPointers } from "./json-pointers.suite.ts";
import { cases as keys } from "./keys.suite.ts";
import { cases as logWords } from "./log-words.suite.ts";
import { cases as matcher } from "./matcher.suite.ts";
import { cases as matcherFacts } from "./matcher-facts.suite.ts";
import { cases as nameConstraints } from "./name-constraints.suite.ts";
import { cases as nameKey } from "./name-key.suite.ts";
import { cases as observation } from "./observation.suite.ts";
import { cases as path } from "./path.suite.ts";
import { cases as pathChecks } from "./path-checks.suite.ts";
import { cases as pathProfile } from "./path-profile.suite.ts";
import { cases as policy } from "./policy.suite.ts";
import { cases as policyCrls } from "./policy-crls.suite.ts";
import { cases as policyDigest } from "./policy-digest.suite.ts";
import { cases as policyExamination } from "./policy-examination.suite.ts";
import { cases as policyFactors } from "./policy-factors.suite.ts";
import { cases as policyHosts } from "./policy-hosts.suite.ts";
import { cases as policyInspection } from "./policy-inspection.suite.ts";
import { cases as policyNeighbours } from "./policy-neighbours.suite.ts";
import { cases as policyRemedies } from "./policy-remedies.suite.ts";
import { cases as policyRoutes } from "./policy-routes.suite.ts";
import { cases as presentedAgain } from "./presented-again.suite.ts";
import { cases as presentedCertificate } from "./presented-certificate.suite.ts";
import { cases as publicKey } from "./public-key.suite.ts";
import { cases as randomPool } from "./random-pool.suite.ts";
import { cases as request } from "./request.suite.ts";
import { cases as revocation } from "./revocation.suite.ts";
import { cases as revocationLists } from "./revocation-lists.suite.ts";
import type { Cases } from "./scene.ts";
import { cases as sealedText } from "./sealed-text.suite.ts";
import { cases as shownText } from "./shown-text.suite.ts";
import { cases as signature } from "./signature.suite.ts";
import { cases as signatureDiagnosis } from "./signature-diagnosis.suite.ts";
import { cases as signatureForgery } from "./signature-forgery.suite.ts";
import { cases as signatureKeys } from "./signature-keys.suite.ts";
import { cases as signatureMalformed } from "./signature-malformed.suite.ts";
import { cases as signatureVectors } from "./signature-vectors.suite.ts";
import { cases as signedHeaders } from "./signed-headers.suite.ts";
import { cases as signedRequest } from "./signed-request.suite.ts";
import { cases as subtree } from "./subtree.suite.ts";
import { cases as timeOrderedId } from "./time-ordered-id.suite.ts";
import { cases as trust } from "./trust.suite.ts";

export const suites: Readonly<Record<string, Cases>> = {
  admit,
  "admit-factors": admitFactors,
  algorithms,
  allowlist,
  assertion,
  "assertion-claims": assertionClaims,
  "assertion-forgery": assertionForgery,
  "attribute-types": attributeTypes,
  basic,
  bodies,
  "body-respelling": bodyRespelling,
  certificate,
  "certificate-bytes": certificateBytes,
  "certificate-extensions": certificateExtensions,
  "certificate-malformed": certificateMalformed,
  "configuration-error": configurationError,
  crl,
  "crl-contents": crlContents,
  "crl-keeping": crlKeeping,
  "crl-malformed": crlMalformed,
  "crl-source": crlSource,
  decision,
  delivery,
  der,
  "distinguished-name": distinguishedName,
  endings,
  es256,
  "event-key": eventKey,
  "extension-values": extensionValues,
  "failure-cause": failureCause,
  "finding-texts": findingTexts,
  form,
  forwarding,
  "general-name": generalName,
  intermediates,
  "json-pointers": jsonPointers,
  keys,
  "log-words": logWords,
  matcher,
  "matcher-facts": matcherFacts,
  "name-constraints": nameConstraints,
  "name-key": nameKey,
  observation,
  path,
  "path-checks": pathChecks,
  "path-profile": pathProfile,
  policy,
  "policy-digest": policyDigest,
  "policy-examination": policyExamination,
  "policy-hosts": policyHosts,
  "policy-inspection": policyInspection,
  "policy-neighbours": policyNeighbours,
  "policy-remedies": policyRemedies,
  "policy-routes": policyRoutes,
  "presented-again": presentedAgain,
  "presented-certificate": presentedCertificate,
  "policy-crls": policyCrls,
  "policy-factors": policyFactors,
  "public-key": publicKey,
  "random-pool": randomPool,
  request,
  revocation,
  "revocation-lists": revocationLists,
  "shown-text": shownText,
  signature,
  "signature-diagnosis": signatureDiagnosis,
  "signature-forgery": signatureForgery,
  "signature-keys": signatureKeys,
  "signature-malformed": signatureMalformed,
  "signature-vectors": signatureVectors,
  "signed-headers": signedHeaders,
  "signed-request": signedRequest,
  "sealed-text": sealedText,
  subtree,
  "time-ordered-id": timeOrderedId,
  trust,
};
