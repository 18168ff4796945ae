import { LinkMonitor } from '@d3/protocol';
import { type LinkBed, type LinkCell, openLiveLink } from './link-bed.ts';
import { noise } from './link-peer.ts';

/** How much longer requests take on a link that is probed. */
export interface ProbeDelayRow {
  readonly kind: 'probe delay';
  readonly mbit: number;
  readonly roundTripMs: number;
  readonly requests: number;
  /** Requests that a probe was under way at the start of. */
  readonly met: number;
  /** Mean time of a request, with and without probes. */
  readonly probedMs: number;
  readonly plainMs: number;
  /** Of all requests: mean with probes / mean without, less 1. */
  readonly delay: number;
  /** Of requests that met a probe: their median / the median of those without probes, less 1. 0 where none met one. */
  readonly metDelay: number;
}

/** Of requests, in ms. */
interface Times {
  readonly probed: number[];
  readonly met: number[];
  readonly plain: number[];
}

/** Of a request, up: too small to tell the rate, so that probes go on. */
const REQUEST_BYTES = 12_000;
const FEWEST = 20;
const PAUSES_MS = [5, 35, 95, 180];

/**
 * Measures by how much probes delay requests, on real sockets: two links of one shape, of which one is probed, get the same requests
 * in turn.
 *
 * @param options.lengthMs - how long; 20,000 by default
 */
export async function measureProbeDelay(
  cell: LinkCell,
  options: { readonly lengthMs?: number } = {},
): Promise<ProbeDelayRow> {
  const { lengthMs = 20_000 } = options;
  const beds = await Promise.all([openLiveLink(cell), openLiveLink(cell)]);
  const [probed, plain] = beds;
  const monitor = new LinkMonitor(probed.client);
  const times: Times = { probed: [], met: [], plain: [] };
  try {
    await monitor.measure();
    const endMs = performance.now() + lengthMs;
    for (let turn = 0; performance.now() < endMs || turn < FEWEST; turn++) {
      const probing = monitor.probing;
      const probedMs = await requestMs(probed);
      times.probed.push(probedMs);
      if (probing) times.met.push(probedMs);
      times.plain.push(await requestMs(plain));
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[turn % PAUSES_MS.length]));
    }
  } finally {
    monitor.close();
    await Promise.all(beds.map((bed) => bed.close()));
  }
  return rowOf(cell, times);
}

async function requestMs({ client }: LinkBed): Promise<number> {
  const startMs = performance.now();
  await client.infer({ epoch: 1, tensors: { x: noise('x', REQUEST_BYTES) } });
  return performance.now() - startMs;
}

function rowOf(cell: LinkCell, times: Times): ProbeDelayRow {
  const probedMs = mean(times.probed);
  const plainMs = mean(times.plain);
  return {
    kind: 'probe delay',
    ...cell,
    requests: times.probed.length,
    met: times.met.length,
    probedMs,
    plainMs,
    delay: probedMs / plainMs - 1,
    metDelay: times.met.length === 0 ? 0 : median(times.met) / median(times.plain) - 1,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return values.slice().sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
