import type { Session } from '@d3/client';
import { median } from '../split/median.ts';
import type { LiveBed } from './live-bed.ts';

/** How long a session took to follow a step of its link. */
export interface StepRow {
  readonly what: 'step down' | 'step up';
  /** From the step to the new plan's going live; absent when none came in time. */
  readonly ms: number;
  readonly reason: string;
  readonly mbps: readonly [number, number];
}

/** While weights are fetched. */
const STARTING_MBPS = 1000;
const DELAY_MS = 2;
const SLOWDOWN = 12;
/** Requests that the device's time is the median of, after some to warm up. */
const TIMED = 9;
const WARM_UP = 3;
/** Of a drawing's pixels, with the header. */
const REQUEST_BITS = 16_500 * 8;
/** What a request takes by the edge, besides its bytes up: delays, the edge's part, the answer. */
const BESIDES_MS = 15;
/** Of the device's time, by the edge at the faster rate. */
const FAST_SHARE = 0.55;
/** The step's larger rate over the smaller one. */
const STEP = 4;
/** Longer than the dwell time. */
const SETTLE_MS = 6000;
const PATIENCE_MS = 15_000;

/**
 * Requests, one after the other, on a link that falls to a quarter and rises fourfold, so many times. At the faster rate the edge
 * answers in about half of the time that the device takes on this machine, at a quarter of it in about twice that.
 */
export async function measureSteps(bed: LiveBed, rounds: number): Promise<StepRow[]> {
  bed.shape(STARTING_MBPS, DELAY_MS);
  const session = await bed.open({ slowdown: SLOWDOWN, ready: 'planned' });
  const fast = fastRate(await timeDevice(bed, session));
  const slow = fast / STEP;
  bed.shape(fast, DELAY_MS);
  const stop = keepAsking(bed, session);
  const rows: StepRow[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      rows.push(await follow(bed, session, { what: 'step down', from: fast, to: slow }));
      rows.push(await follow(bed, session, { what: 'step up', from: slow, to: fast }));
    }
  } finally {
    await stop();
    await session.close();
  }
  return rows;
}

/** What the device takes alone. The session then holds all weights, as one that had time to fetch them. */
async function timeDevice(bed: LiveBed, session: Session): Promise<number> {
  const [last] = bed.packed.manifest.layers.slice(-1);
  await session.replan({ constraints: { pin: { [last?.name ?? '']: 'device' }, unavailable: ['edge'] } });
  const times: number[] = [];
  for (let seed = 0; seed < WARM_UP + TIMED; seed++) times.push((await session.infer(bed.input(seed))).totalMs);
  await session.replan({ constraints: {} });
  return median(times.slice(WARM_UP));
}

/** In Mbit/s. */
function fastRate(deviceMs: number): number {
  return REQUEST_BITS / Math.max(1, FAST_SHARE * deviceMs - BESIDES_MS) / 1000;
}

async function follow(
  bed: LiveBed,
  session: Session,
  step: { readonly what: StepRow['what']; readonly from: number; readonly to: number },
): Promise<StepRow> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  bed.shape(step.to, DELAY_MS);
  const { ms, reason } = await nextPlan(session, step.what === 'step down' ? 0 : 1);
  return { what: step.what, ms, reason, mbps: [step.from, step.to] };
}

/** Waits for the plan whose last layer lies on a tier; late, it is `Infinity`. */
function nextPlan(session: Session, tier: number): Promise<{ ms: number; reason: string }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const settle = (ms: number, reason: string) => {
      clearTimeout(timer);
      stop();
      resolve({ ms, reason });
    };
    const timer = setTimeout(() => settle(Number.POSITIVE_INFINITY, 'no switch'), PATIENCE_MS);
    const stop = session.on('plan', ({ report, reason }) => {
      const chosen = report.strategies[report.chosen];
      if (chosen !== undefined && 'tierOf' in chosen && chosen.tierOf.at(-1) === tier) {
        settle(performance.now() - startedMs, reason);
      }
    });
  });
}

function keepAsking(bed: LiveBed, session: Session): () => Promise<void> {
  let asking = true;
  const loop = (async () => {
    for (let seed = 0; asking; seed++) await session.infer(bed.input(seed % 8));
  })();
  return async () => {
    asking = false;
    await loop;
  };
}
