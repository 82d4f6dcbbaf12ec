// The public roots that senders chain to, as Node 26.10 ships them. `countersign policy add` takes them from Node's store. Node
// no longer ships DigiCert Global Root CA, DigiCert High Assurance EV Root CA, DigiCert Assured ID Root CA and GTS Root R2.

import type { PublicRoot } from "./preset.ts";

/** The longest lifetime of a certificate of a public TLS hierarchy, in days. From 2027-03-15 on, it is 100 days. */
export const PUBLIC_DAYS = 200;

/** DigiCert issues no client certificates from its public TLS hierarchy after this day. */
const LAST_CLIENT_OF_DIGICERT = "2027-03-01";

export const DIGICERT_GLOBAL_ROOT_G2: PublicRoot = {
  subject: "CN=DigiCert Global Root G2,OU=www.digicert.com,O=DigiCert Inc,C=US",
  sha256: "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
  lastClient: LAST_CLIENT_OF_DIGICERT,
};

export const DIGICERT_ROOTS = {
  "digicert-global-root-g2": DIGICERT_GLOBAL_ROOT_G2,
  "digicert-global-root-g3": {
    subject: "CN=DigiCert Global Root G3,OU=www.digicert.com,O=DigiCert Inc,C=US",
    sha256: "31ad6648f8104138c738f39ea4320133393e3a18cc02296ef97c2ac9ef6731d0",
    lastClient: LAST_CLIENT_OF_DIGICERT,
  },
  "digicert-assured-id-root-g2": {
    subject: "CN=DigiCert Assured ID Root G2,OU=www.digicert.com,O=DigiCert Inc,C=US",
    sha256: "7d05ebb682339f8c9451ee094eebfefa7953a114edb2f44949452fab7d2fc185",
    lastClient: LAST_CLIENT_OF_DIGICERT,
  },
  "digicert-assured-id-root-g3": {
    subject: "CN=DigiCert Assured ID Root G3,OU=www.digicert.com,O=DigiCert Inc,C=US",
    sha256: "7e37cb8b4c47090cab36551ba6f45db840680fba166a952db100717f43053fc2",
    lastClient: LAST_CLIENT_OF_DIGICERT,
  },
  "digicert-trusted-root-g4": {
    subject: "CN=DigiCert Trusted Root G4,OU=www.digicert.com,O=DigiCert Inc,C=US",
    sha256: "552f7bdcf1a7af9e6ce672017f4f12abf77240c78e761ac203d1d9d20ac89988",
    lastClient: LAST_CLIENT_OF_DIGICERT,
  },
  "digicert-tls-rsa4096-root-g5": {
    subject: "CN=DigiCert TLS RSA4096 Root G5,O=DigiCert\\, Inc.,C=US",
    sha256: "371a00dc0533b3721a7eeb40e8419e70799d2b0a0f2c1d80693165f7cec4ad75",
    lastClient: LAST_CLIENT_OF_DIGICERT,
  },
  "digicert-tls-ecc-p384-root-g5": {
    subject: "CN=DigiCert TLS ECC P384 Root G5,O=DigiCert\\, Inc.,C=US",
    sha256: "018e13f0772532cf809bd1b17281867283fc48c6e13be9c69812854a490c1b05",
    lastClient: LAST_CLIENT_OF_DIGICERT,
  },
} as const satisfies Record<string, PublicRoot>;

export const SSL_COM_ROOT_RSA: PublicRoot = {
  subject: "CN=SSL.com Root Certification Authority RSA,O=SSL Corporation,L=Houston,ST=Texas,C=US",
  sha256: "85666a562ee0be5ce925c1d8890a6f76a87ec16d4d7d5f29ea7419cf20123b69",
};

export const GTS_ROOTS = {
  "gts-root-r1": {
    subject: "CN=GTS Root R1,O=Google Trust Services LLC,C=US",
    sha256: "d947432abde7b7fa90fc2e6b59101b1280e0e1c7e4e40fa3c6887fff57a7f4cf",
  },
  "gts-root-r3": {
    subject: "CN=GTS Root R3,O=Google Trust Services LLC,C=US",
    sha256: "34d8a73ee208d9bcdb0d956520934b4e40e69482596e8b6f73c8426b010a6f48",
  },
  "gts-root-r4": {
    subject: "CN=GTS Root R4,O=Google Trust Services LLC,C=US",
    sha256: "349dfa4058c5e263123b398ae795573c4e1313c83fe68f93556cd5e8031b3c7d",
  },
} as const satisfies Record<string, PublicRoot>;
