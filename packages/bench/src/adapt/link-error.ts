import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { IDLE_MS, type LinkDirection, rampTransferMs } from '@d3/profile';
import { type LinkClient, LinkMonitor, type LinkSocket, openLink } from '@d3/protocol';
import type { LinkShape } from '@d3/testkit';
import { WebSocket } from 'ws';
import { noise } from './link-peer.ts';

/** A shaped link. */
export interface LinkCell {
  readonly mbit: number;
  readonly roundTripMs: number;
}

/** One figure of one cell. */
export interface LinkErrorRow {
  readonly kind: 'link';
  readonly mbit: number;
  readonly roundTripMs: number;
  /** `rate`: the estimate against the shaped rate. Else a transfer's predicted time against the time it took. */
  readonly what: 'rate' | 'cold transfer' | 'warm transfer';
  readonly direction: LinkDirection;
  readonly bytes?: number;
  readonly expected: number;
  readonly actual: number;
  /** |expected − actual| / actual */
  readonly error: number;
  /** Of the shaping itself, for transfers: what a perfect estimate of the shape would be wrong by. */
  readonly floor?: number;
}

/** What {@link measureLinkError} found. */
export interface LinkErrors {
  readonly rows: readonly LinkErrorRow[];
  readonly figures: { readonly linkEstimateError: number; readonly linkEstimateWorst: number };
}

const BYTES_PER_MS_AND_MBIT = 125;
/** Where rate × round trip is at most this, the rate itself must be right; elsewhere predicted transfers. */
const RATE_BYTES = 65_536;
const SIZES = [1 << 16, 1 << 18, 1 << 20] as const;
const SHORT_CELLS: readonly LinkCell[] = [
  { mbit: 1, roundTripMs: 40 },
  { mbit: 5, roundTripMs: 20 },
  { mbit: 20, roundTripMs: 10 },
  { mbit: 200, roundTripMs: 1 },
  { mbit: 10, roundTripMs: 150 },
  { mbit: 50, roundTripMs: 40 },
  { mbit: 200, roundTripMs: 60 },
];
const FULL_MBITS = [1, 2, 5, 10, 20, 50, 100, 200];
const FULL_ROUND_TRIPS_MS = [1, 5, 20, 50, 150];
/** Longer transfers than this are left out of the short run. */
const SHORT_TRANSFER_MS = 1_000;

/**
 * Measures how right link estimates are, on real sockets through the shaping proxy with TCP's ramp: one link per cell, looked after
 * by a monitor as in a session.
 *
 * @param options.full - the whole grid instead of a few cells
 * @param options.settleMs - how long probes may look at an idle link whose rate is to be right; half of it where transfers are timed
 */
export async function measureLinkError(
  options: { readonly full?: boolean; readonly settleMs?: number; readonly cells?: readonly LinkCell[] } = {},
): Promise<LinkErrors> {
  const { full = false, settleMs = 3_500 } = options;
  const cells = options.cells ?? (full ? grid() : SHORT_CELLS);
  const rows: LinkErrorRow[] = [];
  // Side by side, but for those that keep the machine busy.
  const fast = cells.filter(({ mbit, roundTripMs }) => mbit >= 50 && (full || roundTripMs < 10));
  const batched = [
    ...batches(
      cells.filter((cell) => !fast.includes(cell)),
      6,
    ),
    ...batches(fast, 1),
  ];
  for (const batch of batched) {
    rows.push(...(await Promise.all(batch.map((cell) => measureCell(cell, { settleMs, full })))).flat());
  }
  const errors = rows.map(({ error }) => error).sort((a, b) => a - b);
  const figures = {
    linkEstimateError: errors[errors.length >> 1] ?? Number.NaN,
    linkEstimateWorst: errors.at(-1) ?? Number.NaN,
  };
  return { rows, figures };
}

function grid(): LinkCell[] {
  return FULL_MBITS.flatMap((mbit) => FULL_ROUND_TRIPS_MS.map((roundTripMs) => ({ mbit, roundTripMs })));
}

function batches<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** A link under measurement. */
interface Bed {
  readonly cell: LinkCell;
  readonly bytesPerMs: number;
  readonly farEnd: Worker;
  readonly client: LinkClient;
  readonly monitor: LinkMonitor;
}

async function measureCell(
  cell: LinkCell,
  { settleMs, full }: { readonly settleMs: number; readonly full: boolean },
): Promise<LinkErrorRow[]> {
  const bytesPerMs = cell.mbit * BYTES_PER_MS_AND_MBIT;
  const shape: LinkShape = { bytesPerMs, delayMs: cell.roundTripMs / 2, slowStart: true };
  // Run from its source or built: a worker needs the built file.
  const farEnd = new Worker(new URL('../../dist/adapt/link-far-end.js', import.meta.url), { workerData: shape });
  const [{ url }] = (await once(farEnd, 'message')) as [{ url: string }];
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const client = await openLink(socket as unknown as LinkSocket, { url, hop: 'near-far' });
  const monitor = new LinkMonitor(client);
  const bed: Bed = { cell, bytesPerMs, farEnd, client, monitor };
  try {
    await monitor.measure();
    const rateMatters = bytesPerMs * cell.roundTripMs <= RATE_BYTES;
    await sleep(rateMatters ? settleMs : settleMs / 2);
    if (!rateMatters) return await transferRows(bed, full);
    return (['up', 'down'] as const).map((direction) => rateRow(bed, direction));
  } finally {
    client.close();
    await farEnd.terminate();
  }
}

function rateRow({ cell, bytesPerMs, monitor }: Bed, direction: LinkDirection): LinkErrorRow {
  const { upBytesPerMs, downBytesPerMs } = monitor.estimate;
  const expected = direction === 'up' ? upBytesPerMs : downBytesPerMs;
  return row(cell, { what: 'rate', direction, expected, actual: bytesPerMs });
}

/** Transfers, each after an idle while, and once more right behind it. */
async function transferRows(bed: Bed, full: boolean): Promise<LinkErrorRow[]> {
  const { monitor, client, cell, bytesPerMs } = bed;
  // From here on frames alone teach the estimator: probes would keep the connection warm.
  monitor.close();
  client.onTransfer((transfer) => monitor.estimator.transfer(transfer));
  while (monitor.probing) await sleep(10);
  const rows: LinkErrorRow[] = [];
  for (const bytes of SIZES) {
    const long = rampTransferMs(bytes, { bytesPerMs, roundTripMs: cell.roundTripMs }) > SHORT_TRANSFER_MS;
    const directions = full ? (['up', 'down'] as const) : (['up'] as const);
    for (const direction of long && !full ? [] : directions) {
      while (client.idleMs()[direction] <= IDLE_MS + 50) await sleep(10);
      rows.push(await transferRow(bed, { bytes, direction, what: 'cold transfer' }));
      rows.push(await transferRow(bed, { bytes, direction, what: 'warm transfer' }));
    }
  }
  return rows;
}

async function transferRow(
  { cell, bytesPerMs, monitor, client, farEnd }: Bed,
  { bytes, direction, what }: { bytes: number; direction: LinkDirection; what: 'cold transfer' | 'warm transfer' },
): Promise<LinkErrorRow> {
  const { delayMs } = monitor.estimate;
  const warmBytes = client.warmBytes()[direction];
  const expected = delayMs + monitor.estimator.transferMs(direction, bytes, warmBytes);
  const startMs = performance.now();
  const [up, down] = direction === 'up' ? [bytes, 1] : [1, bytes];
  const reported = once(farEnd, 'message') as Promise<[{ wholeMs: number }]>;
  await client.infer({ epoch: down, tensors: { x: noise('x', up) } });
  const endMs = performance.now();
  const wholeMs = (await reported)[0].wholeMs - performance.timeOrigin;
  const actual = direction === 'up' ? wholeMs - startMs : endMs - wholeMs;
  const { roundTripMs } = cell;
  const perfect = roundTripMs / 2 + rampTransferMs(bytes, { bytesPerMs, roundTripMs, warmBytes });
  return { ...row(cell, { what, direction, bytes, expected, actual }), floor: Math.abs(perfect - actual) / actual };
}

function row(
  cell: LinkCell,
  figure: Pick<LinkErrorRow, 'what' | 'direction' | 'bytes' | 'expected' | 'actual'>,
): LinkErrorRow {
  const { expected, actual } = figure;
  return { kind: 'link', ...cell, ...figure, error: Math.abs(expected - actual) / actual };
}
