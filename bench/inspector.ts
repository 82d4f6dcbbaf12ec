// Records the CPU profile of a worker in a running workerd, through its inspector (DevTools protocol).

const SAMPLING_MICROSECONDS = 100;

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The id of the node that ran at each sample. */
  readonly samples: readonly number[];
  /** The microseconds between each sample and the sample before it. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  /** The URL is empty for code that is not JavaScript. Lines are counted from 0. */
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Records a profile while `work` runs. `worker` is the URL of the worker's inspector. */
export async function recordProfile(worker: string, work: () => Promise<void>): Promise<CpuProfile> {
  const inspector = await Inspector.connect(worker);
  await inspector.send("Profiler.enable");
  await inspector.send("Profiler.setSamplingInterval", { interval: SAMPLING_MICROSECONDS });
  await inspector.send("Profiler.start");
  await work();
  const { profile } = (await inspector.send("Profiler.stop")) as { profile: CpuProfile };
  inspector.close();
  return profile;
}

class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #sent = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
  }

  static async connect(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", () => reject(new Error(`no inspector at ${url}`)));
    });
    return new Inspector(socket);
  }

  send(method: string, params: object = {}): Promise<unknown> {
    this.#sent += 1;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(this.#sent, answer);
    this.#socket.send(JSON.stringify({ id: this.#sent, method, params }));
    return answer.promise;
  }

  close(): void {
    this.#socket.close();
  }

  /**
   * A response has the id of its request. The inspector also sends events of the DevTools protocol. They have no id, and are
   * ignored.
   */
  #receive(text: string): void {
    const { id = 0, result, error } = JSON.parse(text) as { id?: number; result?: unknown; error?: unknown };
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) answer?.resolve(result);
    else answer?.reject(new Error(JSON.stringify(error)));
  }
}
