// Provokes every refusal code from outside. Checks the response that the sender gets, and the log line for the operator.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROBLEMS, REFUSALS } from "../../core/refusal.ts";
import { MARKER } from "../support/senders.ts";
import { CERTIFICATE_CASES } from "./refusals/certificate-cases.ts";
import { EDGE_CASES } from "./refusals/edge-cases.ts";
import { FACTOR_CASES, FACTOR_ORIGIN_CASES } from "./refusals/factor-cases.ts";
import { LISTENER_CASES } from "./refusals/listener-cases.ts";
import { ORIGIN_CASES } from "./refusals/origin-cases.ts";
import { REVOCATION_CASES } from "./refusals/revocation-cases.ts";
import { createWorld, type Provoked, type RefusalCase, type World } from "./refusals/world.ts";

const stack = new AsyncDisposableStack();
let world: World;

beforeAll(async () => {
  world = await createWorld(stack);
});
afterAll(() => stack.disposeAsync());

/** All headers that the response to a refused request may have. */
const ANSWER_HEADERS = new Set([
  "allow",
  "cache-control",
  "connection",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "retry-after",
  "transfer-encoding",
  "www-authenticate",
]);
/** Headers that wrangler's local harness adds, because the harness compresses the responses. */
const HARNESS_HEADERS = new Set(["content-encoding", "mf-content-encoding"]);

function expectProblem({ answer }: Provoked, { status, problem }: RefusalCase): { decision: string } {
  const document = JSON.parse(answer.body.toString()) as { decision: string };
  expect(answer.status).toBe(status);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.headers["cache-control"]).toBe("no-store");
  expect(document).toStrictEqual({
    type: `urn:countersign:problem:${problem}`,
    title: PROBLEMS[problem].title,
    status,
    code: problem,
    decision: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  });
  return document;
}

function expectNoLeak({ answer }: Provoked): void {
  const names = Object.keys(answer.headers).filter((name) => !HARNESS_HEADERS.has(name));
  expect(names.filter((name) => !ANSWER_HEADERS.has(name))).toEqual([]);
  const text = JSON.stringify(answer.headers) + answer.body.toString();
  expect(text.toLowerCase()).not.toContain(MARKER.toLowerCase());
  expect(text).not.toMatch(/CN=|O=|hooks\/|_/);
}

function refuses(cases: readonly RefusalCase[]) {
  test.concurrent.each(cases)("refuses $name: $code", async (refusal) => {
    const provoked = await refusal.provoke(world);
    const { decision } = expectProblem(provoked, refusal);
    expectNoLeak(provoked);
    const line = await provoked.lines.of(decision);
    expect(line).toMatchObject({ code: refusal.code, problem: refusal.problem, status: refusal.status });
    expect(line.decision).toBe(refusal.status >= 500 ? "failed" : "refused");
    expect(provoked.lines.all.filter(({ id }) => id === decision)).toHaveLength(1);
  });
}

describe.concurrent("edge", () => {
  refuses(EDGE_CASES);
  refuses(CERTIFICATE_CASES);
  refuses(REVOCATION_CASES);
  refuses(FACTOR_CASES);
});

describe.concurrent("origin", () => {
  refuses(ORIGIN_CASES);
  refuses(LISTENER_CASES);
  refuses(FACTOR_ORIGIN_CASES);
});

test("every code of REFUSALS is provoked", () => {
  const provoked = new Set(
    [EDGE_CASES, CERTIFICATE_CASES, REVOCATION_CASES, FACTOR_CASES, ORIGIN_CASES, LISTENER_CASES, FACTOR_ORIGIN_CASES]
      .flat()
      .map(({ code }) => code),
  );
  expect([...provoked].sort()).toEqual(Object.keys(REFUSALS).sort());
});

test("no log line holds a private key", () => {
  const lines = [world.edges.good.lines, world.local.lines, ...Object.values(world.origins).map(({ lines }) => lines)];
  const text = JSON.stringify(lines.map(({ all }) => all));
  expect(text).toContain("misconfigured");
  expect(text).not.toContain(world.key.d);
});
