// Tests that the reason of a failure is found in the error that was thrown.

import assert from "node:assert/strict";
import { describeCauses } from "../../core/failure-chain.ts";
import { describeCause } from "../../origin/failure-cause.ts";
import type { Cases } from "../support/scenes/certificates.ts";

const failure = (code: string, message = "") => Object.assign(new Error(message), { code });
const SSL = (reason: string) => `00:error:0A00010B:SSL routines:ssl3_get_record:${reason}:../ssl/record.c:355:`;

/** Explanations of errors. Each explanation has the error codes that it explains. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  "nothing listens at this address and port": ["ECONNREFUSED"],
  "DNS does not know the host name, or does not answer": ["ENOTFOUND", "EAI_AGAIN"],
  "no route leads to this address": ["EHOSTUNREACH", "ENETUNREACH"],
  "no answer in time: a slow host, or a firewall": ["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT"],
  "the other side closed the connection before it answered": ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"],
  "the server's CA is not trusted here, or it sent no intermediate": [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_UNTRUSTED",
  ],
  "the server's certificate has expired": ["CERT_HAS_EXPIRED"],
  "the server's certificate is for another host name": ["ERR_TLS_CERT_ALTNAME_INVALID"],
  "the server does not speak TLS at this port: is it http?": [
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  ],
  "the server did not accept the client certificate, or wants one": [
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
  ],
};

export const cases: Cases = {
  "describeCauses() knows deadlines, and no code of Node's": () => {
    const coded = Object.values(CODES).flat();
    for (const code of coded) assert.equal(describeCauses(failure(code, "it failed")), "it failed");
    const timeout = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    assert.match(describeCauses(timeout), /^The operation was aborted due to timeout \(no answer in time: /);
    assert.match(
      describeCauses(new Error("it failed", { cause: timeout })),
      /^it failed: The operation .*\(no answer in time: /,
    );
    assert.equal(describeCauses(new Error("Network connection lost.")), "Network connection lost.");
    assert.equal(describeCauses(new Error("", { cause: "the reason" })), "the reason");
  },
  "describeCause() says what a code means": () => {
    for (const [meaning, codes] of Object.entries(CODES)) {
      for (const code of codes) assert.equal(describeCause(failure(code)), `${code} (${meaning})`);
    }
    assert.equal(describeCause(failure("ENOSPC", "disk full")), "ENOSPC: disk full");
  },
  "describeCause() knows a code whole, and not within another": () => {
    for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ETIMEDOUT", "ECONNRESET", "EPIPE"]) {
      for (const other of [`X${code}`, `${code}X`]) assert.equal(describeCause(failure(other)), other);
    }
    const others = ["UND_ERR_SOCKETS", "TIMEOUT_OFF", "NOT_UNABLE_TO_X", "NO_CERT_UNTRUSTED", "CERT_UNTRUSTED_NOT"];
    others.push("NO_CERT_HAS_EXPIRED", "CERT_HAS_EXPIRED_NOT", "TimeoutErrors", "NoTimeoutError", "ETIMEDOUTS");
    others.push("NO_ERR_TLS_CERT_ALTNAME_INVALID", "ERR_TLS_CERT_ALTNAME_INVALID_NOT", "EUNREACH");
    for (const other of others) assert.equal(describeCause(failure(other)), other);
    for (const text of ["no unexpected redirect", "unexpected redirects"]) {
      assert.equal(describeCause(new Error(text)), text);
    }
  },
  "describeCause() knows a failure without a code by its name or its words": () => {
    const late = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    assert.match(describeCause(late), /^The operation was aborted due to timeout \(no answer in time: /);
    const redirect = "unexpected redirect (redirects are not followed: name the address to which it leads)";
    assert.equal(describeCause(new TypeError("fetch failed", { cause: new Error("unexpected redirect") })), redirect);
  },
  "describeCause() says a code once, and before its message": () => {
    const refused = failure("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:9");
    const told = "ECONNREFUSED: connect 127.0.0.1:9 (nothing listens at this address and port)";
    assert.equal(describeCause(refused), told);
    assert.equal(describeCause(failure("ENOSPC", "  ENOSPC  no   room ")), "ENOSPC: no room");
    assert.equal(describeCause(failure("ENOSPC", "no room; see\nthe manual")), "ENOSPC: no room");
    assert.equal(describeCause(Object.assign(new Error("no room"), { code: 28 })), "no room");
  },
  "describeCause() takes of OpenSSL's text the reason alone": () => {
    const http = "(the server does not speak TLS at this port: is it http?)";
    assert.equal(describeCause(failure("EPROTO", SSL("wrong version number"))), `EPROTO: wrong version number ${http}`);
    const code = "ERR_SSL_WRONG_VERSION_NUMBER";
    assert.equal(describeCause(failure(code, SSL("wrong version number"))), `${code} ${http}`);
    assert.equal(describeCause(new Error(SSL("packet length too long"))), `packet length too long ${http}`);
    const client = "(the server did not accept the client certificate, or wants one)";
    assert.equal(describeCause(new Error(SSL("tlsv1 alert unknown ca"))), `tlsv1 alert unknown ca ${client}`);
    assert.equal(describeCause(new Error("an error: of mine: too")), "an error: of mine: too");
  },
  "describeCause() tells the causes down to the first, and what says nothing not at all": () => {
    const inner = failure("EPIPE", "write EPIPE");
    const closed = "(the other side closed the connection before it answered)";
    for (const empty of ["fetch failed", "terminated", ""]) {
      assert.equal(describeCause(new TypeError(empty, { cause: inner })), `EPIPE: write ${closed}`);
    }
    for (const text of ["the fetch failed", "fetch failed twice", "terminated early", "a terminated", "cannot book"]) {
      assert.equal(describeCause(new TypeError(text, { cause: inner })), `${text}: EPIPE: write ${closed}`);
    }
    assert.equal(describeCause(new Error("a", { cause: "b" })), "a: b");
    assert.equal(describeCause(new Error("a b", { cause: new Error("b") })), "a b");
    assert.equal(describeCause(new Error("b", { cause: new Error("a b") })), "b: a b");
  },
  "describeCause() takes the meaning that is nearest to what was thrown": () => {
    const both = Object.assign(failure("ENOTFOUND"), { cause: failure("EPIPE") });
    assert.equal(describeCause(both), "ENOTFOUND: EPIPE (DNS does not know the host name, or does not answer)");
  },
  "describeCause() tells of the first three addresses, before the cause": () => {
    const errors = ["one", "two", "three", "four"].map((text) => new Error(text));
    assert.equal(describeCause(new AggregateError(errors)), "one: two: three");
    assert.equal(describeCause(new AggregateError(errors, "each", { cause: "last" })), "each: one: two: three: last");
    assert.equal(describeCause(Object.assign(new Error("a"), { errors: "b" })), "a");
  },
  "describeCause() goes four causes deep, and so comes to an end": () => {
    const chain = ["f", "e", "d", "c", "b", "a"].reduce<Error | undefined>(
      (cause, text) => new Error(text, { cause }),
      undefined,
    );
    assert.equal(describeCause(chain), "a: b: c: d: e");
    const loop = new Error("loop");
    loop.cause = loop;
    assert.equal(describeCause(loop), "loop");
  },
  "describeCause() has a text for whatever was thrown": () => {
    assert.deepEqual(["text", undefined, null, 7].map(describeCause), ["text", "undefined", "null", "7"]);
    assert.equal(describeCause(new Error("")), "Error");
    assert.equal(describeCause({ message: "no error" }), "[object Object]");
    assert.equal(
      describeCause({ code: "EPIPE" }),
      "[object Object] (the other side closed the connection before it answered)",
    );
  },
};
