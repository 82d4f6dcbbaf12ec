// Runs the app of answering-app.ts on our Node server. ../listener.ts starts this server behind nginx and behind Apache.

import { serve } from "../../origin/node/server.ts";
import { announce } from "./announce.ts";
import { answeringApp } from "./answering-app.ts";

const { url } = await serve(answeringApp().fetch, { hostname: "127.0.0.1", port: 0, log: () => undefined });
announce(url);
