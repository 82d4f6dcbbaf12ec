// Plays Microsoft Graph, which presents no certificate and signs nothing. When the user creates a subscription, Graph sends a
// validation token and expects this token as the body of the response. Each later notification has the user's clientState in its
// body.

import { afterAll, beforeAll, expect, test } from "vitest";
import { createUser, type Listening } from "./world.ts";

const STATE = "client-state-0123456789abcdef";
const ROUTE = "/hooks/microsoft-graph";

const stack = new AsyncDisposableStack();
let listening: Listening;

beforeAll(async () => {
  const user = await createUser(stack);
  await user.add("--preset", "microsoft-graph");
  listening = await user.start({ GRAPH_CLIENT_STATE: STATE });
});
afterAll(() => stack.disposeAsync());

const notify = (...states: unknown[]) =>
  listening.send(undefined, {
    target: ROUTE,
    headers: [["Content-Type", "application/json; charset=utf-8"]],
    body: JSON.stringify({ value: states.map((clientState) => ({ subscriptionId: "1", clientState })) }),
  });

test("the subscription is created, nothing is stored, and then notifications arrive", async () => {
  const validationToken =
    "Validation: Testing client application reachability for subscription Request-Id: 1f8ca2e8-0b1c";
  const answer = await listening.send(undefined, {
    target: `${ROUTE}?${new URLSearchParams({ validationToken })}`,
    headers: [["Content-Type", "text/plain; charset=utf-8"]],
    body: "",
  });
  expect(answer).toMatchObject({ status: 200, body: validationToken });
  expect(listening.stored()).toBe(0);
  expect((await notify(STATE, STATE)).status).toBe(202);
  expect(listening.stored()).toBe(1);
  expect(JSON.parse(String(listening.events().at(-1)?.["factors"]))).toEqual(["token"]);
});

test("a notification without the clientState, or with another in one element, is refused", async () => {
  const before = listening.stored();
  for (const states of [["another"], [STATE, "another"], [`${STATE} `]])
    expect((await notify(...states)).status).toBe(401);
  for (const states of [[], [undefined], [STATE, undefined], [1]]) expect((await notify(...states)).status).toBe(403);
  expect(listening.stored()).toBe(before);
});
