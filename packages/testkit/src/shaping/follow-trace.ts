import type { LinkShape } from './link-shape.ts';

/** A recorded link. Sample `i` holds from `i * stepMs` to `(i + 1) * stepMs`; `null`: not recorded. */
export interface LinkTrace {
  readonly name: string;
  readonly stepMs: number;
  readonly upMbps: readonly number[] | null;
  readonly downMbps: readonly number[] | null;
  readonly rttMs: readonly number[] | null;
}

/** How a trace is replayed. */
export interface FollowTraceOptions {
  /** Where to begin, in ms of the recording. 0 by default. */
  readonly fromMs?: number;
  /** How many ms of the recording to play. To its end by default. */
  readonly lengthMs?: number;
  /** Recorded ms per real ms. 1 by default. */
  readonly speed?: number;
  /** Round trip for a trace that has none. 40 by default. */
  readonly rttMs?: number;
}

/** A replay under way. */
export interface TraceReplay {
  /** Settles at the end of the trace, or when stopped. */
  readonly done: Promise<void>;
  /** What the recording lacks and what is used instead; to be printed beside results. */
  readonly notes: readonly string[];
  /** Leaves the link as it is. */
  stop(): void;
}

/** A link that can change: a {@link ShapingProxy}. */
export interface ShapeableLink {
  update(shapes: { readonly up?: LinkShape; readonly down?: LinkShape }): void;
}

const BYTES_PER_MS_AND_MBPS = 125;
const DEFAULT_RTT_MS = 40;

/**
 * Parses a trace file.
 *
 * @throws RangeError when it has no rate, or arrays of different lengths, or values that are no rates
 */
export function parseTrace(text: string): LinkTrace {
  const { name, stepMs, upMbps, downMbps, rttMs } = JSON.parse(text) as LinkTrace;
  const series = [upMbps, downMbps, rttMs].filter((values) => values !== null);
  const length = series[0]?.length ?? 0;
  const sound = series.every((values) => values.length === length && values.every((value) => value >= 0));
  if ((upMbps ?? downMbps) === null || length === 0 || !sound || !(stepMs > 0)) {
    throw new RangeError(
      `'${name}' is no trace: it needs a rate, a step, and series of one length without negative values`,
    );
  }
  return { name, stepMs, upMbps, downMbps, rttMs };
}

/**
 * Makes a link follow a recording, beginning now. One direction stands for both where the other was not recorded, and a round
 * trip is added where there is none; `notes` says so.
 */
export function followTrace(trace: LinkTrace, link: ShapeableLink, options: FollowTraceOptions = {}): TraceReplay {
  const { fromMs = 0, speed = 1, rttMs = DEFAULT_RTT_MS } = options;
  const steps = (trace.upMbps ?? trace.downMbps ?? []).length;
  const endMs = Math.min(steps * trace.stepMs, fromMs + (options.lengthMs ?? Number.POSITIVE_INFINITY));
  const startedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const play = (): void => {
    const atMs = fromMs + (performance.now() - startedMs) * speed;
    if (atMs >= endMs) {
      finish();
      return;
    }
    const step = Math.floor(atMs / trace.stepMs);
    link.update(shapesAt(trace, step, rttMs));
    timer = setTimeout(play, Math.max(1, (Math.min(endMs, (step + 1) * trace.stepMs) - atMs) / speed));
  };
  play();
  const stop = (): void => {
    clearTimeout(timer);
    finish();
  };
  return { done, notes: notesOf(trace, rttMs), stop };
}

function shapesAt(trace: LinkTrace, step: number, rttMs: number): { up: LinkShape; down: LinkShape } {
  const delayMs = (trace.rttMs?.[step] ?? rttMs) / 2;
  const up = trace.upMbps?.[step] ?? trace.downMbps?.[step] ?? 0;
  const down = trace.downMbps?.[step] ?? trace.upMbps?.[step] ?? 0;
  return {
    up: { bytesPerMs: up * BYTES_PER_MS_AND_MBPS, delayMs },
    down: { bytesPerMs: down * BYTES_PER_MS_AND_MBPS, delayMs },
  };
}

function notesOf(trace: LinkTrace, rttMs: number): string[] {
  const notes: string[] = [];
  if (trace.upMbps === null) notes.push(`${trace.name}: no uplink recorded, the downlink stands for both`);
  if (trace.downMbps === null) notes.push(`${trace.name}: no downlink recorded, the uplink stands for both`);
  if (trace.rttMs === null) notes.push(`${trace.name}: no round trip recorded, ${rttMs} ms added`);
  return notes;
}
