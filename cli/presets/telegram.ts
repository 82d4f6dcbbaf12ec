// Telegram's updates for bots.

import type { Preset } from "./preset.ts";

export const telegram: Preset = {
  title: "Telegram bot updates",
  sender: {
    token: { header: "X-Telegram-Bot-Api-Secret-Token", secrets: ["TELEGRAM_SECRET_TOKEN"] },
    eventKey: { pointers: ["/update_id"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { TELEGRAM_SECRET_TOKEN: "the secret_token that you give to setWebhook: letters, digits, _ and -" },
  behaviour: {
    handshake: "none",
    afterRefusal: { isFinal: false, also: "Telegram gives up after what it calls a reasonable amount of attempts" },
  },
  steps: ["Call setWebhook with url and secret_token. The port of the URL must be 443, 80, 88 or 8443."],
  notes: [
    "The token is sent as it is with each update, and signs nothing: whoever reads one request can send any update.",
    "Sizes, deadline and the number of attempts are not published, so maxBodyBytes is our default.",
  ],
  sources: ["https://core.telegram.org/bots/api#setwebhook", "https://core.telegram.org/bots/api#update"],
  checked: "2026-11-30",
};
