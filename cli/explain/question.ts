// The question that `countersign explain` asks. It extends the question of origin/explain with the document of the policy, the
// sources of the revocation lists, and a function that runs OpenSSL.

import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { Question } from "../../origin/explain/question.ts";
import type { LoadedLists } from "./crls.ts";
import type { AskOpenssl } from "./openssl.ts";

export interface CommandQuestion extends Question {
  /** The document from which `policy` is compiled. */
  readonly document: PolicyDocument;
  readonly lists: LoadedLists;
  readonly askOpenssl: AskOpenssl;
}
