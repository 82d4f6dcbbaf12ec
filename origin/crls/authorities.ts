// Keeps the authorities whose keys prove revocation lists at an origin. An authority is an anchor, or a CA that signed a list and
// was on the certification path of a request. The CAs that are not anchors are stored, so that they are also known after a restart.

import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import {
  AUTHORITIES_KEY,
  authoritiesOf,
  formatAuthorities,
  mergeAuthorities,
  newAuthorities,
  readAuthorities,
} from "../../core/revocation/authorities.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { Crl } from "../../core/x509/crl.ts";
import { describeCause } from "../failure-cause.ts";

export interface CrlAuthoritiesOptions {
  readonly policy: Policy;
  readonly storage: {
    read(name: string): Promise<Uint8Array | undefined>;
    write(name: string, bytes: Uint8Array): Promise<void>;
  };
  readonly log: (line: LogLine) => void;
}

export class CrlAuthorities {
  known: readonly Certificate[];
  readonly #policy: Policy;
  readonly #storage: CrlAuthoritiesOptions["storage"];
  readonly #log: CrlAuthoritiesOptions["log"];

  constructor({ policy, storage, log }: CrlAuthoritiesOptions) {
    this.known = authoritiesOf(policy);
    this.#policy = policy;
    this.#storage = storage;
    this.#log = log;
  }

  async restore(): Promise<void> {
    try {
      this.known = authoritiesOf(this.#policy, await this.#storage.read(AUTHORITIES_KEY));
    } catch (error) {
      this.#logFailure(error);
    }
  }

  /**
   * Finds the signer of each list, if the signer was on the certification path of a request. Stores the signers that are not known
   * yet. Reads the stored authorities first, because other processes may have added to them.
   */
  async learn(lists: readonly Crl[]): Promise<void> {
    const found = newAuthorities(this.known, lists);
    if (found.length === 0) return;
    this.known = [...this.known, ...found];
    try {
      const stored = readAuthorities(await this.#storage.read(AUTHORITIES_KEY));
      await this.#storage.write(AUTHORITIES_KEY, formatAuthorities(mergeAuthorities(stored, found)));
    } catch (error) {
      this.#logFailure(error);
    }
  }

  #logFailure(error: unknown): void {
    const why = describeCause(error);
    this.#log({ decision: "failed", code: "revocation_list_kept", crl: AUTHORITIES_KEY, why });
  }
}
