import { IDLE_MS, type LinkDirection, rampTransferMs } from '@d3/profile';
import { LinkMonitor } from '@d3/protocol';
import { type LinkBed, type LinkCell, openLiveLink, rateOf } from './link-bed.ts';
import { noise } from './link-peer.ts';

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

/** What to measure; the short run by default. */
export interface LinkErrorOptions {
  /** The whole grid, and every transfer on it, instead of a few cells. */
  readonly full?: boolean;
  /** How long probes may look at an idle link whose rate is to be right; half of it where transfers are timed. 3,500 by default. */
  readonly settleMs?: number;
  readonly cells?: readonly LinkCell[];
  /** By default on real sockets. */
  readonly open?: (cell: LinkCell) => Promise<LinkBed>;
}

/**
 * Measures how right link estimates are, through a shaped link with TCP's ramp: one link per cell, looked after by a monitor as in a
 * session.
 */
export async function measureLinkError(options: LinkErrorOptions = {}): Promise<LinkErrors> {
  const { full = false, settleMs = 3_500, open = openLiveLink } = options;
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
    rows.push(...(await Promise.all(batch.map((cell) => measureCell(cell, { settleMs, full, open })))).flat());
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
interface Measured {
  readonly cell: LinkCell;
  readonly bed: LinkBed;
  readonly monitor: LinkMonitor;
}

async function measureCell(
  cell: LinkCell,
  { settleMs, full, open }: Required<Omit<LinkErrorOptions, 'cells'>>,
): Promise<LinkErrorRow[]> {
  const bed = await open(cell);
  const monitor = new LinkMonitor(bed.client);
  const measured: Measured = { cell, bed, monitor };
  try {
    await monitor.measure();
    const rateMatters = rateOf(cell) * cell.roundTripMs <= RATE_BYTES;
    await sleep(rateMatters ? settleMs : settleMs / 2);
    if (!rateMatters) return await transferRows(measured, full);
    return (['up', 'down'] as const).map((direction) => rateRow(measured, direction));
  } finally {
    await bed.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rateRow({ cell, monitor }: Measured, direction: LinkDirection): LinkErrorRow {
  const { upBytesPerMs, downBytesPerMs } = monitor.estimate;
  const expected = direction === 'up' ? upBytesPerMs : downBytesPerMs;
  return row(cell, { what: 'rate', direction, expected, actual: rateOf(cell) });
}

/** Transfers, each after an idle while, and once more right behind it. */
async function transferRows(measured: Measured, full: boolean): Promise<LinkErrorRow[]> {
  const { monitor, bed, cell } = measured;
  const { client } = bed;
  // From here on frames alone teach the estimator: probes would keep the connection warm.
  monitor.close();
  client.onTransfer((transfer) => monitor.estimator.transfer(transfer));
  while (monitor.probing) await sleep(10);
  const rows: LinkErrorRow[] = [];
  for (const bytes of SIZES) {
    const long = rampTransferMs(bytes, { bytesPerMs: rateOf(cell), roundTripMs: cell.roundTripMs }) > SHORT_TRANSFER_MS;
    const directions = full ? (['up', 'down'] as const) : (['up'] as const);
    for (const direction of long && !full ? [] : directions) {
      while (client.idleMs()[direction] <= IDLE_MS + 50) await sleep(10);
      rows.push(await transferRow(measured, { bytes, direction, what: 'cold transfer' }));
      rows.push(await transferRow(measured, { bytes, direction, what: 'warm transfer' }));
    }
  }
  return rows;
}

async function transferRow(
  { cell, monitor, bed }: Measured,
  { bytes, direction, what }: { bytes: number; direction: LinkDirection; what: 'cold transfer' | 'warm transfer' },
): Promise<LinkErrorRow> {
  const { delayMs } = monitor.estimate;
  const warmBytes = bed.client.warmBytes()[direction];
  const expected = delayMs + monitor.estimator.transferMs(direction, bytes, warmBytes);
  const startMs = performance.now();
  const [up, down] = direction === 'up' ? [bytes, 1] : [1, bytes];
  const whole = bed.nextWholeMs();
  await bed.client.infer({ epoch: down, tensors: { x: noise('x', up) } });
  const endMs = performance.now();
  const wholeMs = await whole;
  const actual = direction === 'up' ? wholeMs - startMs : endMs - wholeMs;
  const { roundTripMs } = cell;
  const perfect = roundTripMs / 2 + rampTransferMs(bytes, { bytesPerMs: rateOf(cell), roundTripMs, warmBytes });
  return { ...row(cell, { what, direction, bytes, expected, actual }), floor: Math.abs(perfect - actual) / actual };
}

function row(
  cell: LinkCell,
  figure: Pick<LinkErrorRow, 'what' | 'direction' | 'bytes' | 'expected' | 'actual'>,
): LinkErrorRow {
  const { expected, actual } = figure;
  return { kind: 'link', ...cell, ...figure, error: Math.abs(expected - actual) / actual };
}
