// The question of the command: beside what every explanation needs, the document of the policy, where the lists come from, and OpenSSL.

import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { Question } from "../../origin/explain/question.ts";
import type { LoadedLists } from "./crls.ts";
import type { AskOpenssl } from "./openssl.ts";

export interface CommandQuestion extends Question {
  /** The policy file's document, of which `policy` is compiled. */
  readonly document: PolicyDocument;
  readonly lists: LoadedLists;
  readonly askOpenssl: AskOpenssl;
}
