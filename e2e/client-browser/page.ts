import {
  type ConnectOptions,
  connect,
  type InferInput,
  type InferResult,
  type Progress,
  pictureOf,
  type Session,
} from '@d3/client';
import { isD3Error } from '@d3/errors';
import { makeTensor } from '@d3/tensor';

const open: Session[] = [];

/** What a connection shows, as plain data. */
export interface Connected {
  readonly epoch: number;
  readonly tierOf: readonly number[];
  readonly tiers: readonly string[];
  readonly backends: readonly string[];
  readonly lastProgress: Progress | undefined;
  readonly falls: number;
}

/** A result as plain data. */
export interface Ran {
  readonly top: readonly { readonly index: number; readonly label: string; readonly score: number }[];
  readonly output: readonly number[];
  readonly placement: readonly {
    readonly tier: string;
    readonly backend: string;
    readonly layers: readonly number[];
  }[];
  readonly hops: InferResult['hops'];
  readonly crossed: readonly { readonly name: string; readonly type: string; readonly bytes: number }[];
  readonly epoch: number;
}

export async function openSession(options: ConnectOptions): Promise<Connected> {
  let [falls, fraction] = [0, 0];
  let lastProgress: Progress | undefined;
  const onProgress = (progress: Progress) => {
    if (progress.fraction < fraction) falls += 1;
    fraction = progress.fraction;
    lastProgress = progress;
  };
  const session = await connect({ ...options, onProgress });
  open.push(session);
  const { report, epoch, profiles } = session;
  const plan = report.strategies[report.chosen];
  return {
    epoch,
    tierOf: plan !== undefined && 'tierOf' in plan ? plan.tierOf : [],
    tiers: report.problem.tiers,
    backends: profiles.map(({ backend }) => backend),
    lastProgress,
    falls,
  };
}

export async function closeSession(): Promise<void> {
  await open.pop()?.close();
}

/** Runs a picture that the site serves. */
export async function inferPicture(url: string): Promise<Ran> {
  const picture = await pictureOf(await (await fetch(url)).blob());
  return plain(await live().infer({ kind: 'picture', picture }, { inspect: true, deadlineMs: 120_000 }));
}

/** Runs requests at once, aborts one of them, and gives each one's outcome: its output, or its error's text. */
export async function inferMany(count: number, aborted: number): Promise<(readonly number[] | string)[]> {
  const session = live();
  const abort = new AbortController();
  const runs = Array.from({ length: count }, (_, seed) =>
    session.infer(noise(session, seed), { deadlineMs: 170_000, ...(seed === aborted && { signal: abort.signal }) }),
  );
  const settled = Promise.allSettled(runs);
  abort.abort(new Error('not wanted'));
  return (await settled).map((run) => (run.status === 'fulfilled' ? outputOf(run.value) : String(run.reason)));
}

/** Runs one of the requests of {@link inferMany} alone. */
export async function inferOne(seed: number): Promise<readonly number[]> {
  const session = live();
  return outputOf(await session.infer(noise(session, seed), { deadlineMs: 120_000 }));
}

/** Streams the requests of {@link inferMany}, slowly consumed; gives their outputs, and how the source was treated. */
export async function streamMany(
  count: number,
  maxInFlight: number,
): Promise<{ outputs: readonly (readonly number[])[]; lead: number; detached: number }> {
  const session = live();
  const given: Uint8Array[] = [];
  let [taken, lead] = [0, 0];
  function* source() {
    while (taken < count) {
      const input = noise(session, taken);
      if (input.kind === 'tensors') given.push(...Object.values(input.tensors).map(({ bytes }) => bytes));
      taken += 1;
      yield input;
    }
  }
  const outputs: (readonly number[])[] = [];
  for await (const { result, error } of session.stream(source(), { maxInFlight, deadlineMs: 170_000 })) {
    if (result === undefined) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
    lead = Math.max(lead, taken - outputs.length - 1);
    outputs.push(outputOf(result));
  }
  return { outputs, lead, detached: given.filter(({ byteLength }) => byteLength === 0).length };
}

/** Tells of the page as a browser does that hides and shows it, or loses and finds the network; then runs one request. */
export async function hideAndShow(): Promise<readonly number[]> {
  document.dispatchEvent(new Event('visibilitychange'));
  globalThis.dispatchEvent(new Event('online'));
  return await inferOne(1);
}

/** Puts wrong bytes in place of everything that the client's cache holds; gives how much that was. */
export async function poisonCache(): Promise<number> {
  let poisoned = 0;
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      await cache.put(request, new Response('evil'));
      poisoned += 1;
    }
  }
  return poisoned;
}

/** What becomes of a request that runs while the session is closed. */
export async function closeUnderRequest(): Promise<{ pending: string; later: string }> {
  const session = live();
  const pending = codeOf(session.infer(noise(session, 1)));
  await closeSession();
  return { pending: await pending, later: await codeOf(session.infer(noise(session, 1))) };
}

/** Error code of a connection that must fail. */
export function failToOpen(options: ConnectOptions): Promise<string> {
  return codeOf(connect(options));
}

/** Error codes of inputs that do not fit. */
export async function refuseInputs(): Promise<string[]> {
  const session = live();
  const x = makeTensor('x', 'float32', [1], new Float32Array(1));
  const name = session.manifest.tensors.find(({ isInput }) => isInput)?.name ?? '';
  return [
    await codeOf(session.infer({ kind: 'tensors', tensors: { nothing: x } })),
    await codeOf(session.infer({ kind: 'tensors', tensors: {} })),
    await codeOf(session.infer({ kind: 'tensors', tensors: { [name]: x } })),
    await codeOf(pictureOf(new Blob(['no picture']))),
    await codeOf(pictureOf({ width: 2, height: 2 } as unknown as ImageBitmap)),
    await codeOf(pictureOf(undefined as unknown as Blob)),
  ];
}

/** Waits for the next plan that a loss leads to. */
export function nextPlan(): Promise<{ lost: readonly string[]; reason: string }> {
  const lost: string[] = [];
  return new Promise((resolve) => {
    const stopLost = live().on('lost', ({ what, reason }) => lost.push(`${what} ${reason}`));
    const stopPlan = live().on('plan', ({ reason }) => {
      stopLost();
      stopPlan();
      resolve({ lost, reason });
    });
  });
}

function live(): Session {
  const session = open.at(-1);
  if (session === undefined) throw new Error('No session is open');
  return session;
}

function noise({ manifest }: Session, seed: number): InferInput {
  const tensors = manifest.tensors
    .filter(({ isInput }) => isInput)
    .map(({ name, type, shape, bytes }) => {
      const values = Float32Array.from({ length: bytes / 4 }, (_, index) => ((index * (seed + 3)) % 97) / 97);
      return [name, makeTensor(name, type, shape, values)] as const;
    });
  return { kind: 'tensors', tensors: Object.fromEntries(tensors) };
}

function plain(result: InferResult): Ran {
  const [answer] = result.answers;
  return {
    top: answer?.kind === 'classes' ? answer.top : [],
    output: outputOf(result),
    placement: result.placement.map(({ tier, backend, layers }) => ({ tier, backend, layers })),
    hops: result.hops,
    crossed: Object.entries(result.crossed ?? {}).map(([name, { type, bytes }]) => ({
      name,
      type,
      bytes: bytes.byteLength,
    })),
    epoch: result.epoch,
  };
}

function outputOf({ outputs }: InferResult): readonly number[] {
  const [output] = Object.values(outputs);
  if (output === undefined) throw new Error('The network gave no output');
  return [...new Float32Array(output.bytes.buffer, output.bytes.byteOffset, output.bytes.byteLength / 4)];
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return isD3Error(error) ? error.code : String(error);
  }
}
