// The presets by the names that `countersign policy add --preset` accepts.

import { alertmanager, grafana } from "./alertmanager.ts";
import { asana } from "./asana.ts";
import { dialogflow } from "./dialogflow.ts";
import { discord } from "./discord.ts";
import { docusign, docusignDemo } from "./docusign.ts";
import { eventGrid } from "./event-grid.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { kubernetesAdmission } from "./kubernetes-admission.ts";
import { meta } from "./meta.ts";
import { microsoftGraph } from "./microsoft-graph.ts";
import { okta } from "./okta.ts";
import { pagerduty } from "./pagerduty.ts";
import { pix, pixEfi } from "./pix.ts";
import type { Preset } from "./preset.ts";
import { privateCa } from "./private-ca.ts";
import { salesforce } from "./salesforce.ts";
import { slack } from "./slack.ts";
import { stripe } from "./stripe.ts";
import { telegram } from "./telegram.ts";
import { twitch } from "./twitch.ts";
import { workfront } from "./workfront.ts";
import { x } from "./x.ts";
import { zoom } from "./zoom.ts";

export const PRESETS: Readonly<Record<string, Preset>> = {
  docusign,
  "docusign-demo": docusignDemo,
  meta,
  pagerduty,
  workfront,
  slack,
  dialogflow,
  github,
  gitlab,
  stripe,
  zoom,
  twitch,
  discord,
  x,
  asana,
  okta,
  "microsoft-graph": microsoftGraph,
  "event-grid": eventGrid,
  telegram,
  "pix-efi": pixEfi,
  pix,
  salesforce,
  "kubernetes-admission": kubernetesAdmission,
  alertmanager,
  grafana,
  "private-ca": privateCa,
};
