// Searches for the most expensive request that a stranger can build. A shape describes such a request. The search changes random
// shapes step by step, and keeps each change that makes a shape more expensive. It runs first in this process, and then against
// each program that receives requests: the edge, the origin's TLS listener, and an origin behind a proxy. The result is compared
// with the cost of an accepted request with the same factor.

import { type Report, type Sample, summarize, type Volume } from "../report.ts";
import { makeJudge } from "./judge.ts";
import { measureCost, type Place, pemOf, type SentRequest, startPlaces } from "./places.ts";
import { fieldsOf, makeRequest } from "./request.ts";
import { type Chance, chanceOf, mutate, randomShape, type Shape } from "./shape.ts";
import { CERTIFICATE_PATH, makeWorld, SENDERS, SIGNATURE_PATH, type World } from "./world.ts";

const RATIO = 20;
const MAX_CPU_MICROSECONDS = 20_000;
const FACTORS: readonly Shape["factor"][] = ["certificate", "signature"];

/**
 * Limits of the search in this process. TRIES is the number of shapes per round, random and changed ones together. If PATIENCE
 * changes in a row do not increase the cost of a shape, the search goes on with a new random shape.
 */
const TRIES = 15;
const PATIENCE = 15;
/**
 * The number of requests that are built from each shape. In this process, the lowest cost among these requests counts, because it
 * has the least noise.
 */
const VARIANTS = 3;
/** FINALISTS is the number of shapes that are tried at each place. EVENTS is the number of requests of each shape. */
const FINALISTS = 5;
const EVENTS = 16;
const ACCEPTED_EVENTS = 200;
/** The number of accepted requests that are sent before a place is measured. They give the JIT compilers time to finish. */
const WARM_UP_EVENTS = 1_000;

interface Found {
  readonly shape: Shape;
  readonly cost: number;
}

type Cost = (shape: Shape) => Promise<number>;

export async function benchHostile({ rounds }: Volume): Promise<Report[]> {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const chance = chanceOf(seed);
  process.stderr.write(`hostile: seed ${seed}, ${SENDERS} senders on each route\n`);
  const world = await makeWorld();
  const places = await startPlaces(world);
  const inProcess = costInProcess(world);
  const finalists = new Map<Shape["factor"], readonly Found[]>();
  for (const factor of FACTORS) finalists.set(factor, await search(factor, rounds * TRIES, inProcess, chance));
  const reports: Report[] = [];
  for (const place of places) {
    for (const factor of FACTORS) await costOfAccepted(place, factor, WARM_UP_EVENTS, world);
    const worst = new Map<Shape["factor"], Shape>();
    for (const [factor, found] of finalists) worst.set(factor, await refine(place, found, rounds, world, chance));
    reports.push(await compare(place, worst, rounds, world));
  }
  return reports;
}

function costInProcess(world: World): Cost {
  const judge = makeJudge(world);
  return async (shape) => {
    const costs: number[] = [];
    for (let variant = 0; variant < VARIANTS; variant += 1) {
      costs.push((await judge(makeRequest(shape, world), shape)).milliseconds * 1000);
    }
    return Math.min(...costs);
  };
}

/**
 * Starts at random shapes, one after another. Changes each shape step by step, and keeps each change that makes the shape more
 * expensive. Tries `tries` shapes in total, random and changed ones. Returns the most expensive shapes.
 */
async function search(factor: Shape["factor"], tries: number, cost: Cost, chance: Chance): Promise<readonly Found[]> {
  const tops: Found[] = [];
  for (let left = tries; left > 0; ) {
    const climbed = await climb(randomShape(chance, { factor }), { cost, chance, patience: PATIENCE, most: left });
    left -= climbed.tried;
    tops.push(climbed.top);
  }
  return tops.toSorted((a, b) => b.cost - a.cost).slice(0, FINALISTS);
}

interface Climb {
  readonly cost: Cost;
  readonly chance: Chance;
  /** `climb` ends after this number of changes in a row that did not increase the cost. */
  readonly patience: number;
  readonly most: number;
}

async function climb(start: Shape, { cost, chance, patience, most }: Climb): Promise<{ top: Found; tried: number }> {
  let top: Found = { shape: start, cost: await cost(start) };
  let [tried, vain] = [1, 0];
  for (; tried < most && vain < patience; tried += 1) {
    const shape = mutate(top.shape, chance);
    const costs = await cost(shape);
    vain = costs > top.cost ? 0 : vain + 1;
    if (vain === 0) top = { shape, cost: costs };
  }
  return { top, tried };
}

/**
 * Chooses the shape of `finalists` that costs the most at this place. Then changes this shape in small steps, fewer than `rounds`,
 * and keeps each step that makes it cost more.
 */
async function refine(
  place: Place,
  finalists: readonly Found[],
  rounds: number,
  world: World,
  chance: Chance,
): Promise<Shape> {
  const cost = (shape: Shape) => costAt(place, shape, world);
  let best: Found | undefined;
  for (const { shape } of finalists) {
    const found = { shape, cost: await cost(shape) };
    if (best === undefined || found.cost > best.cost) best = found;
  }
  const start = (best as Found).shape;
  const { top } = await climb(start, { cost, chance, patience: rounds, most: rounds });
  process.stderr.write(`${place.name}: ${JSON.stringify(top.shape)}\n`);
  return top.shape;
}

/**
 * Measures the cost of a shape at the place. The cost is 0 if the client cannot send the request, or if the request is not refused.
 */
async function costAt(place: Place, shape: Shape, world: World): Promise<number> {
  const requests = Array.from({ length: EVENTS }, () => sentOf(shape, world));
  try {
    return await measureCost(place, requests, isRefusal);
  } catch {
    return 0;
  }
}

const isRefusal = (status: number) => status >= 400 && status < 500;

function sentOf(shape: Shape, world: World): SentRequest {
  const { chain, ...request } = makeRequest(shape, world);
  if (chain === undefined) return { ...request, certificates: undefined };
  const key = chain.leafKey.export({ format: "pem", type: "pkcs8" }).toString();
  const certificates = { ...fieldsOf(shape, chain), pem: pemOf(chain.leaf, ...chain.intermediates), key };
  return { ...request, certificates };
}

/** Returns an accepted request. Its sender is near the middle of the route's list of senders. */
function acceptedOf(factor: Shape["factor"], { sender, signed }: World): SentRequest {
  if (factor === "signature") return { path: SIGNATURE_PATH, ...signed, certificates: undefined };
  const [leaf, intermediate] = [sender.leaf.base64, sender.intermediate.base64];
  const fields = { leaf: `:${leaf}:`, chain: `:${intermediate}:` };
  const certificates = { ...fields, pem: pemOf(leaf, intermediate), key: sender.leaf.keyPem };
  return { path: CERTIFICATE_PATH, headers: {}, body: Buffer.from("{}"), certificates };
}

function costOfAccepted(place: Place, factor: Shape["factor"], events: number, world: World): Promise<number> {
  return measureCost(place, Array<SentRequest>(events).fill(acceptedOf(factor, world)), (status) => status === 202);
}

const worstOf = (factor: Shape["factor"]) => `worst by ${factor}`;
const acceptedBy = (factor: Shape["factor"]) => `accepted by ${factor}`;

async function compare(
  place: Place,
  worst: ReadonlyMap<Shape["factor"], Shape>,
  rounds: number,
  world: World,
): Promise<Report> {
  const samples = new Map<string, Sample[]>();
  const note = (name: string, cpuMicroseconds: number) =>
    samples.set(name, [
      ...(samples.get(name) ?? []),
      { cpuMicroseconds, eventsPerSecond: 1_000_000 / cpuMicroseconds },
    ]);
  for (let round = -1; round < rounds; round += 1) {
    for (const [factor, shape] of worst) {
      const hostile = await costAt(place, shape, world);
      const usual = await costOfAccepted(place, factor, ACCEPTED_EVENTS, world);
      if (round < 0) continue;
      note(worstOf(factor), hostile);
      note(acceptedBy(factor), usual);
    }
  }
  return summarize(
    `hostile, ${place.name}`,
    { rounds, eventsPerRound: EVENTS },
    samples,
    [...worst.keys()].map((factor) => ({
      subject: worstOf(factor),
      against: acceptedBy(factor),
      ratio: RATIO,
      mostMicroseconds: MAX_CPU_MICROSECONDS,
    })),
  );
}
