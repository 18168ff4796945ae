import { type ConnectOptions, connect, type InferInput, type InferResult, type Session } from '@d3/client';
import { makeTensor } from '@d3/tensor';
import { Load, SEEDS } from './load.ts';

/** One answer, reduced to what can be compared. */
interface Answer {
  readonly seed: number;
  /** Tier, backend and layers of every segment, as JSON. */
  readonly placement: string;
  readonly digest: string;
}

interface Placed {
  readonly tier: string;
  readonly backend: string;
  readonly layers: readonly number[];
}

let session: Session | undefined;
let load: Load | undefined;
const answers: Promise<Answer>[] = [];

/** Connects, and keeps requests running from then on. */
export async function startLoad(options: ConnectOptions, atOnce: number): Promise<void> {
  const opened = await connect(options);
  session = opened;
  load = new Load(opened, { inputOf, check: remember, atOnce, deadlineMs: 120_000 });
}

/** Waits for `count` more requests to end. */
export async function ended(count: number): Promise<void> {
  await load?.ended(count);
}

/** Waits for a request of which a part ran on `where`: a tier, or a backend. */
export async function reached(where: string, withinMs: number): Promise<void> {
  await load?.reached(where, withinMs);
}

/** Ends the load and its session; gives how many requests there were, and what was wrong with them. */
export async function stopLoad(): Promise<{ requests: number; problems: readonly string[] }> {
  const outcomes = (await load?.stop()) ?? [];
  await session?.close();
  return { requests: outcomes.length, problems: outcomes.flatMap(({ problem }) => problem ?? []) };
}

/**
 * Runs every placement that a request reported again, forced on a session of its own, and compares bits.
 *
 * @returns the placements, and how many answers differ from those of the same placement
 */
export async function judge(options: ConnectOptions): Promise<{ placements: readonly string[]; wrong: number }> {
  const given = await Promise.all(answers);
  const placements = [...new Set(given.map(({ placement }) => placement))];
  let wrong = 0;
  for (const placement of placements) {
    const references = await runPlaced(options, JSON.parse(placement));
    wrong += given.filter(
      (answer) => answer.placement === placement && answer.digest !== references[answer.seed],
    ).length;
  }
  return { placements, wrong };
}

async function runPlaced(options: ConnectOptions, placed: readonly Placed[]): Promise<readonly string[]> {
  const device = placed.find(({ tier }) => tier === 'device')?.backend;
  const backends = device === undefined ? {} : { backends: [device as 'wasm' | 'webgpu'] };
  const names = session?.manifest.layers.map(({ name }) => name) ?? [];
  const pins = placed.flatMap(({ tier, layers }) => layers.map((layer) => [names[layer] ?? '', tier]));
  const alone = await connect({ ...options, ...backends, constraints: { pin: Object.fromEntries(pins) } });
  const digests: string[] = [];
  for (let seed = 0; seed < SEEDS; seed += 1) digests.push(await digestOf(await alone.infer(inputOf(seed))));
  await alone.close();
  return digests;
}

function remember(seed: number, result: InferResult): undefined {
  const placement = JSON.stringify(result.placement.map(({ tier, backend, layers }) => ({ tier, backend, layers })));
  answers.push(digestOf(result).then((digest) => ({ seed, placement, digest })));
}

async function digestOf({ outputs }: InferResult): Promise<string> {
  const [output] = Object.values(outputs);
  const digest = await crypto.subtle.digest('SHA-256', output?.bytes ?? new Uint8Array());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function inputOf(seed: number): InferInput {
  const values = Float32Array.from({ length: 128 * 128 }, (_, index) => ((index * (seed + 3)) % 97) / 97);
  return { kind: 'tensors', tensors: { image: makeTensor('image', 'float32', [1, 1, 128, 128], values) } };
}
