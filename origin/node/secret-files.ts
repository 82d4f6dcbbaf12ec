// Finds the text of a secret. The text is in the environment variable `NAME`, in the file that the variable `NAME_FILE` names, or
// in the file `NAME` in the directory of credentials that systemd makes for a service. No error message contains any of the text.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../core/failure-chain.ts";
import { readBoundedFile } from "./bounded-file.ts";
import { describeFileFault } from "./file-faults.ts";

/** The longest key has a few hundred octets. A file that exceeds this limit is not a secret, and was named by mistake. */
const MAX_SECRET_BYTES = 64 * 1024;
/** The names that a policy may use for secrets. */
const NAME = /^[A-Z][A-Z0-9_]*$/;

interface Place {
  /** The name of this place, for error messages. */
  readonly told: string;
  readonly text?: string | undefined;
  readonly file?: string;
}

/**
 * Returns the text of a secret, and reads it again at each call. Undefined if the secret is not given anywhere. One line end at the
 * end of a file is not part of the secret. Does not check that others cannot read the file.
 * @throws Error if the secret is given in two places, if its file cannot be read, or if the file does not hold exactly one line of
 * text
 */
export function readSecret(name: string): string | undefined {
  const place = findSecret(name);
  return place?.file === undefined ? place?.text : inPlace(place.told, () => readLine(place.file ?? ""));
}

/** Returns the file that has a secret. Undefined if no file has the secret. @throws Error if the secret is given in two places */
export function secretFile(name: string): string | undefined {
  return findSecret(name)?.file;
}

function findSecret(name: string): Place | undefined {
  const [place, other] = NAME.test(name) ? placesOf(name) : [];
  if (other === undefined) return place;
  throw new Error(`it is given twice, by ${place?.told} and by ${other.told}: remove one of them`);
}

function placesOf(name: string): Place[] {
  const fileName = `${name}_FILE`;
  const { [name]: text, [fileName]: file } = process.env;
  const directory = credentialsDirectory();
  return [
    ...(text === undefined ? [] : [{ told: `the variable ${name}`, text }]),
    ...(file === undefined ? [] : [{ told: fileName, file }]),
    ...(directory !== undefined && existsSync(join(directory, name))
      ? [{ told: "CREDENTIALS_DIRECTORY", file: join(directory, name) }]
      : []),
  ];
}

/** Returns the directory in which a service manager puts the credentials of a service. Undefined if there is none. */
export function credentialsDirectory(): string | undefined {
  return process.env["CREDENTIALS_DIRECTORY"] || undefined;
}

/** Returns the only line of a file, without its line end. @throws Error that names the file, and shows nothing of its text */
export function readLine(file: string): string {
  if (file === "") throw new Error("it is empty, and names no file");
  const text = decode(readBytes(file), file).replace(/\r?\n$/, "");
  if (text === "") throw new Error(`${file} is empty`);
  if (/[\0\r\n]/.test(text)) throw new Error(`${file} holds more than one line: a secret is one line of text`);
  return text;
}

function readBytes(file: string): Uint8Array {
  try {
    // A file that can be read only once, such as a pipe, is refused, because it would have no text at the next reload.
    if (!statSync(file).isFile()) throw new Error("it is not a file");
    return readBoundedFile(file, MAX_SECRET_BYTES);
  } catch (error) {
    throw new Error(`cannot read ${file}: ${describeFileFault(error, file)}`);
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${file} is not text in UTF-8`);
  }
}

function inPlace<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${place}: ${messageOf(error)}`);
  }
}
