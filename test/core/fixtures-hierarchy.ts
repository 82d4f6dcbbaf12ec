// Authorities and the clients below them: depth, path length, dates, twins, rollover and loops.

import { SERVER_AUTH } from "../../cli/dev/authority.ts";
import { dropExtension, withOtherSignature } from "./certificate-edit.ts";
import { base64Of, issueCa, issueClient, nameOf, resign } from "./fixtures-issue.ts";

const SHORT = { notBefore: new Date("2026-06-01T00:00:00Z"), notAfter: new Date("2027-06-01T00:00:00Z") };
const SUBJECT_KEY_ID = "2.5.29.14";
const AUTHORITY_KEY_ID = "2.5.29.35";

export type Hierarchy = Awaited<ReturnType<typeof makeBase>>;

export async function makeHierarchy() {
  const identities = await makeBase();
  const certificates = {
    ...base64Of(identities),
    ...(await makeDepth(identities)),
    ...(await makeTwins(identities)),
    ...(await makeRollover(identities)),
    ...(await makeLoops(identities)),
    ...(await makeSameNamed()),
    ...(await makeNameless(identities)),
    ...(await makeRecertified(identities)),
  };
  return { identities, certificates };
}

async function makeBase() {
  const root = await issueCa("Root");
  const intermediate = await issueCa("Intermediate", root);
  const client = await issueClient(intermediate, {
    subjectAltNames: [
      { type: "dns", value: "client.example" },
      { type: "email", value: "ops@client.example" },
      { type: "url", value: "spiffe://client.example/webhook" },
      { type: "ip", value: "192.0.2.7" },
      { type: "ip", value: "2001:db8::7" },
    ],
  });
  const direct = await issueClient(root);
  const stranger = await issueCa("Stranger");
  const strangersClient = await issueClient(stranger);
  const shortIntermediate = await issueCa("Short", root, SHORT);
  const shortRoot = await issueCa("Short Root", undefined, SHORT);
  return {
    root,
    intermediate,
    client,
    direct,
    stranger,
    strangersClient,
    shortIntermediate,
    shortIntermediateClient: await issueClient(shortIntermediate),
    shortRoot,
    shortRootClient: await issueClient(shortRoot),
    underLeaf: await issueClient(direct),
    serverOnlyCa: await issueCa("Server CA", root, { extendedKeyUsage: [SERVER_AUTH] }),
  };
}

async function makeDepth({ root, serverOnlyCa }: Hierarchy) {
  const depth1 = await issueCa("Depth 1", root);
  const depth2 = await issueCa("Depth 2", depth1);
  const depth3 = await issueCa("Depth 3", depth2);
  const depth4 = await issueCa("Depth 4", depth3);
  const limited = await issueCa("Limited", root, { ca: { pathLength: 0 } });
  const limitedSub = await issueCa("Limited Sub", limited);
  const limitedNew = await issueCa("Limited", limited);
  const limitedToOne = await issueCa("Limited to One", root, { ca: { pathLength: 1 } });
  const limitedToOneSub = await issueCa("Limited to One Sub", limitedToOne);
  return base64Of({
    depth1,
    depth2,
    depth3,
    depth4,
    depth3Client: await issueClient(depth3),
    depth4Client: await issueClient(depth4),
    limited,
    limitedClient: await issueClient(limited),
    limitedSub,
    limitedSubClient: await issueClient(limitedSub),
    limitedNew,
    limitedNewClient: await issueClient(limitedNew),
    limitedToOne,
    limitedToOneSub,
    limitedToOneSubClient: await issueClient(limitedToOneSub),
    serverOnlyCaClient: await issueClient(serverOnlyCa),
  });
}

/** Another authority of the same name; with key identifiers, and without. */
async function makeTwins({ root }: Hierarchy) {
  const rootTwin = await issueCa("Root");
  const plainRoot = await issueCa("Plain Root");
  const plainTwin = await issueCa("Plain Root");
  const plainClient = await issueClient(plainRoot);
  const dropIds = (parts: Parameters<typeof dropExtension>[0]) => {
    dropExtension(parts, SUBJECT_KEY_ID);
    dropExtension(parts, AUTHORITY_KEY_ID);
  };
  return {
    ...base64Of({ rootTwin, rootTwinClient: await issueClient(rootTwin) }),
    plainRoot: resign(plainRoot, plainRoot, dropIds),
    plainTwin: resign(plainTwin, plainTwin, dropIds),
    plainClient: resign(plainClient, plainRoot, dropIds),
    clientWithoutKeyIds: resign(await issueClient(root), root, dropIds),
  };
}

/** The root under a new key: self-signed, and signed by the old key. */
async function makeRollover({ root }: Hierarchy) {
  const rootNew = await issueCa("Root");
  const rootNewByOld = await issueCa("Root", root, { keys: rootNew.keys });
  return base64Of({ rootNew, rootNewByOld, rootNewClient: await issueClient(rootNew) });
}

/** A and B certify one another; the root certifies B as well. */
async function makeLoops({ root }: Hierarchy) {
  const loopB = await issueCa("Loop B");
  const loopA = await issueCa("Loop A", loopB);
  const again = { keys: loopB.keys };
  return base64Of({
    loopAByB: loopA,
    loopBByA: await issueCa("Loop B", loopA, again),
    loopBByRoot: await issueCa("Loop B", root, again),
    loopClient: await issueClient(loopA),
  });
}

/** Authorities without a name: whom would they be told from? */
async function makeNameless({ root }: Hierarchy) {
  const namelessRoot = await issueCa("", undefined, { subject: [] });
  const namelessCa = await issueCa("", root, { subject: [] });
  const namelessCaClient = await issueClient(namelessCa);
  return base64Of({ namelessRoot, namelessCa, namelessCaClient });
}

/** Ten authorities of one name, each signed by the next, the last by the first; no key identifiers to tell them apart. */
async function makeSameNamed() {
  const self = await Promise.all(Array.from({ length: 10 }, () => issueCa("Same")));
  const [first] = self as [(typeof self)[0]];
  const dropIds = (parts: Parameters<typeof dropExtension>[0]) => {
    dropExtension(parts, SUBJECT_KEY_ID);
    dropExtension(parts, AUTHORITY_KEY_ID);
  };
  const ring = self.map((ca, index) => resign(ca, self[(index + 1) % self.length] ?? first, dropIds));
  const anchor = await issueCa("Same");
  const client = await issueClient(first, { subject: nameOf("same.example") });
  return {
    same0: ring[0] ?? "",
    same1: ring[1] ?? "",
    same2: ring[2] ?? "",
    same3: ring[3] ?? "",
    same4: ring[4] ?? "",
    same5: ring[5] ?? "",
    same6: ring[6] ?? "",
    same7: ring[7] ?? "",
    same8: ring[8] ?? "",
    same9: ring[9] ?? "",
    sameAnchor: resign(anchor, anchor, dropIds),
    sameClient: resign(client, first, dropIds),
  };
}

/** The same keys under other bytes: with the other ECDSA signature, and the intermediate certified by another root. */
async function makeRecertified({ client, intermediate, root, stranger }: Hierarchy) {
  return {
    clientTwin: withOtherSignature(client.base64),
    intermediateTwin: withOtherSignature(intermediate.base64),
    rootTwinSignature: withOtherSignature(root.base64),
    intermediateByStranger: (await issueCa("Intermediate", stranger, { keys: intermediate.keys })).base64,
  };
}
