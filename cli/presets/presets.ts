// The presets by the names that `countersign policy add --preset` accepts.

import { dialogflow } from "./dialogflow.ts";
import { docusign, docusignDemo } from "./docusign.ts";
import { meta } from "./meta.ts";
import { pagerduty } from "./pagerduty.ts";
import type { Preset } from "./preset.ts";
import { privateCa } from "./private-ca.ts";
import { slack } from "./slack.ts";
import { workfront } from "./workfront.ts";

export const PRESETS: Readonly<Record<string, Preset>> = {
  docusign,
  "docusign-demo": docusignDemo,
  meta,
  pagerduty,
  workfront,
  slack,
  dialogflow,
  "private-ca": privateCa,
};
