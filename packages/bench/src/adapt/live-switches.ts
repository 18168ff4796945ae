import type { InferResult, Session } from '@d3/client';
import type { Constraints } from '@d3/partition';
import type { LiveBed } from './live-bed.ts';

/** One pair: requests while switching, and a twin run without. */
export interface UnservedRow {
  readonly what: 'unserved';
  /** Longest time between two answers. */
  readonly switchingMs: number;
  readonly twinMs: number;
  /** What switching adds. */
  readonly unservedMs: number;
  readonly medianRequestMs: number;
  readonly requests: number;
}

/** Requests, several at once, while the plan switches all the time. */
export interface FailureRow {
  readonly what: 'failures';
  readonly requests: number;
  readonly switches: number;
  /** No answer, or not the right bits. */
  readonly failed: number;
  /** Answered a second time by the edge. */
  readonly duplicated: number;
  /** Sent to the edge once more, under another id, because the first one took too long; the first answer counts. */
  readonly sentAgain: number;
}

const STEADY_MBPS = 1000;
const STEADY_DELAY_MS = 0.5;
const SWITCHES = 4;
const PAUSE_MS = 120;
const SEEDS = 8;
const AT_ONCE = 4;

/** The longest pause that switches add, on a steady link, in pairs of runs of the same length. */
export async function measureUnserved(bed: LiveBed, pairs: number): Promise<UnservedRow[]> {
  bed.shape(STEADY_MBPS, STEADY_DELAY_MS);
  const plans = twoPlans(bed);
  const session = await bed.open({ constraints: plans[0], ready: 'planned' });
  const rows: UnservedRow[] = [];
  try {
    // What runs for the first time is slower, whether or not something switches.
    await answered(bed, session, switching(session, plans));
    for (let pair = 0; pair < pairs; pair++) {
      const startedMs = performance.now();
      const busy = await answered(bed, session, switching(session, plans));
      const lengthMs = performance.now() - startedMs;
      const twin = await answered(bed, session, sleep(lengthMs));
      const [switchingMs, twinMs] = [longest(busy), longest(twin)];
      const gaps = [...busy, ...twin].sort((a, b) => a - b);
      rows.push({
        what: 'unserved',
        switchingMs,
        twinMs,
        unservedMs: switchingMs - twinMs,
        medianRequestMs: gaps[gaps.length >> 1] ?? Number.NaN,
        requests: busy.length,
      });
    }
  } finally {
    await session.close();
  }
  return rows;
}

/** Whether any of so many requests fails, is answered wrongly or twice while the plan switches without a pause. */
export async function measureFailures(bed: LiveBed, requests: number): Promise<FailureRow> {
  bed.shape(STEADY_MBPS, STEADY_DELAY_MS);
  const plans = twoPlans(bed);
  const session = await bed.open({ constraints: plans[0], ready: 'planned' });
  try {
    const references: InferResult[] = [];
    for (let seed = 0; seed < SEEDS; seed++) references.push(await session.infer(bed.input(seed)));
    const before = { ...bed.frames };
    let [asked, failed, switches, asking] = [0, 0, 0, true];
    const ask = async (): Promise<void> => {
      while (asked < requests) {
        const seed = asked++ % SEEDS;
        const result = await session.infer(bed.input(seed)).catch(() => undefined);
        if (result === undefined || !sameBits(result, references[seed])) failed += 1;
      }
    };
    const turn = (async () => {
      for (; asking; switches++) await session.replan({ constraints: plans[(switches + 1) % 2] ?? {} });
    })();
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    asking = false;
    await turn;
    const sentAgain = Math.max(0, bed.frames.requests - before.requests - requests);
    const duplicated = bed.frames.duplicates - before.duplicates;
    return { what: 'failures', requests, switches, failed, duplicated, sentAgain };
  } finally {
    await session.close();
  }
}

/** All at the edge; the first layer on the device. */
function twoPlans({ packed }: LiveBed): readonly [Constraints, Constraints] {
  const { layers } = packed.manifest;
  const [first, last] = [layers[0]?.name ?? '', layers.at(-1)?.name ?? ''];
  return [{ pin: { [first]: 'edge' } }, { pin: { [first]: 'device', [last]: 'edge' } }];
}

async function switching(session: Session, plans: readonly Constraints[]): Promise<void> {
  for (let turn = 0; turn < SWITCHES; turn++) {
    await session.replan({ constraints: plans[(turn + 1) % plans.length] ?? {} });
    await sleep(PAUSE_MS);
  }
}

/** Times between answers, of requests one after the other, until something is done. */
async function answered(bed: LiveBed, session: Session, until: Promise<void>): Promise<number[]> {
  let running = true;
  const ended = until.finally(() => {
    running = false;
  });
  const gaps: number[] = [];
  for (let seed = 0; running; seed++) {
    const startedMs = performance.now();
    await session.infer(bed.input(seed % SEEDS));
    gaps.push(performance.now() - startedMs);
  }
  await ended;
  return gaps;
}

function longest(gaps: readonly number[]): number {
  return Math.max(...gaps);
}

function sameBits(a: InferResult, b: InferResult | undefined): boolean {
  return Object.entries(a.outputs).every(([name, tensor]) => {
    const other = b?.outputs[name];
    return other !== undefined && Buffer.compare(tensor.bytes, other.bytes) === 0;
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
