// `countersign inbox backup` writes everything of an inbox to one file. `countersign inbox restore` reads such a file into an
// inbox. Both work with SQLite and with PostgreSQL.

import { backupInbox, restoreInbox } from "../../origin/inbox/backup.ts";
import { describeInbox } from "../../origin/inbox/location.ts";
import { formatContents, type InboxContents } from "../../origin/inbox/table-rows.ts";
import { UsageError } from "../command.ts";
import { print } from "../output.ts";
import { namingInbox, type Values } from "./options.ts";

export async function backup(values: Values, files: readonly string[]): Promise<number> {
  const file = requireFileName(files, "backup");
  const contents = await namingInbox(values.inbox, () => backupInbox(values.inbox, file));
  tell(values, { backup: file, inbox: describeInbox(values.inbox) }, contents, `${file} holds`);
  return 0;
}

export async function restore(values: Values, files: readonly string[]): Promise<number> {
  const file = requireFileName(files, "restore");
  const contents = await namingInbox(values.inbox, () =>
    restoreInbox(file, values.inbox, { allowNetworkFileSystem: values.anyway }),
  );
  const inbox = describeInbox(values.inbox);
  tell(values, { restored: file, inbox }, contents, `${inbox} now holds`);
  return 0;
}

function requireFileName([file, ...others]: readonly string[], action: string): string {
  if (file === undefined || file === "" || others.length > 0) throw new UsageError(`inbox ${action} FILE: one file`);
  if (file === "-") throw new UsageError(`inbox ${action} needs the name of a file, and - is not one`);
  return file;
}

function tell(values: Values, facts: object, contents: InboxContents, what: string): void {
  if (values.json) {
    print([JSON.stringify({ ...facts, ...contents })]);
    return;
  }
  print([`${what} ${formatContents(contents)}`]);
}
