import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseTrace } from '@d3/testkit';
import { type LinkHistory, madeHistory, recordedHistory } from './link-history.ts';
import { measureCell } from './measure-cell.ts';
import type { Subject } from './network-costs.ts';
import { LinkTimeline } from './simulated-link.ts';

/** One network in one situation over one history, simulated. */
export interface TraceRow {
  readonly what: 'simulated';
  readonly history: string;
  readonly notes: readonly string[];
  readonly network: string;
  readonly slowdown: number;
  readonly keepOnDevice: boolean;
  readonly requests: number;
  readonly adaptiveMs: number;
  readonly bestFixedMs: number;
  readonly bestFixed: string;
  readonly hindsightMs: number;
  /** Total time of the adapting session over that of the best fixed split. */
  readonly overBestFixed: number;
  /** The same of switching with the future known. */
  readonly hindsightOverBestFixed: number;
  readonly switches: number;
  /** Requests that were run again on the plan after because the one before stood still. */
  readonly rescued: number;
  /** Shortest time between two switches; absent under two. */
  readonly leastDwellMs?: number;
}

/** From here on hindsight gains enough for `traceGain`. */
const WORTH_IT = 0.9;

/** Made histories: a step down to a quarter, a step up, a sawtooth around break-even points, an outage. */
export const madeHistories: readonly LinkHistory[] = [
  madeHistory('step down', [
    { seconds: 30, mbps: 20 },
    { seconds: 60, mbps: 5 },
  ]),
  madeHistory('step up', [
    { seconds: 30, mbps: 4 },
    { seconds: 60, mbps: 16 },
  ]),
  madeHistory(
    'sawtooth',
    [2, 3, 4, 6, 8, 12, 8, 6, 4, 3].map((mbps) => ({ seconds: 1, mbps })),
  ),
  madeHistory('outage', [
    { seconds: 40, mbps: 20 },
    { seconds: 20, mbps: 0 },
    { seconds: 40, mbps: 20 },
  ]),
];

/** The recordings in a folder; none, with the reason printed, when it is not there. */
export function recordedHistories(folder: string): LinkHistory[] {
  if (!existsSync(folder)) {
    console.log(`No recorded links: there is no ${folder}; set D3_TRACES or give --traces`);
    return [];
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.sort().map((name) => recordedHistory(parseTrace(readFileSync(`${folder}/${name}`, 'utf8'))));
}

/** Plays histories to every network, slowed by every factor, with and without layers that must stay on the device. */
export function measureTraces(
  histories: readonly LinkHistory[],
  subjects: readonly Subject[],
  slowdowns: readonly number[],
): TraceRow[] {
  const rows: TraceRow[] = [];
  for (const history of histories) {
    const timeline = new LinkTimeline(history);
    for (const subject of subjects) {
      for (const slowdown of slowdowns) {
        for (const keep of [false, true]) rows.push(rowOf({ timeline, subject, slowdown, keep }));
      }
    }
  }
  return rows;
}

function rowOf(cell: Parameters<typeof measureCell>[0]): TraceRow {
  const { requests, adaptiveMs, bestFixedMs, bestFixed, hindsightMs, adaptive } = measureCell(cell);
  const { switches, rescued } = adaptive;
  const gaps = switches.slice(1).map(({ atMs }, index) => atMs - (switches[index]?.atMs ?? 0));
  return {
    what: 'simulated',
    history: cell.timeline.history.name,
    notes: cell.timeline.history.notes,
    network: cell.subject.network,
    slowdown: cell.slowdown,
    keepOnDevice: cell.keep,
    requests,
    adaptiveMs,
    bestFixedMs,
    bestFixed,
    hindsightMs,
    overBestFixed: adaptiveMs / bestFixedMs,
    hindsightOverBestFixed: hindsightMs / bestFixedMs,
    switches: switches.length,
    rescued,
    ...(gaps.length === 0 ? {} : { leastDwellMs: Math.min(...gaps) }),
  };
}

/**
 * What documents quote: the worst total time over that of the best fixed split, and the median of it where switching with the future
 * known gains a tenth.
 */
export function traceFigures(rows: readonly TraceRow[]): { traceOverBestFixed: number; traceGain: number } {
  const worth = rows.filter((row) => row.hindsightOverBestFixed <= WORTH_IT).map((row) => row.overBestFixed);
  worth.sort((a, b) => a - b);
  return {
    traceOverBestFixed: Math.max(...rows.map((row) => row.overBestFixed)),
    traceGain: worth[worth.length >> 1] ?? Number.NaN,
  };
}
