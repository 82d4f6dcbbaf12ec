// Certificates of one sender and of its authorities, which end on different days from NOW on.

import { base64Of, issueCa, issueClient, NOW, nameOf } from "./fixtures-issue.ts";

export const DAY = 86_400;

const days = (from: number, to: number) => ({
  notBefore: new Date((NOW + from * DAY) * 1000),
  notAfter: new Date((NOW + to * DAY) * 1000),
});
const acme = { subject: nameOf("acme") };

export async function makeEndings() {
  const root = await issueCa("Root", undefined, days(-1000, 1000));
  const middle = await issueCa("Middle", root, days(-300, 50));
  return base64Of({
    root,
    oldRoot: await issueCa("Root", undefined, { keys: root.keys, ...days(-3000, 40) }),
    stranger: await issueCa("Stranger", undefined, days(-100, 2000)),
    middle,
    leaf: await issueClient(root, { ...acme, ...days(-200, 160) }),
    next: await issueClient(root, { ...acme, ...days(-10, 400) }),
    below: await issueClient(middle, { ...acme, ...days(-200, 160) }),
    short: await issueClient(root, { ...acme, ...days(-0.5, 0.5) }),
  });
}
