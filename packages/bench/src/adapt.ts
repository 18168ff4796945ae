/**
 * `npm run bench:adapt [-- --full] [-- --only steps,switches,traces,link,stream] [-- --traces DIR]`: how quickly a session follows its link, what a switch costs, and how adapting
 * compares with the best fixed split over recorded links.
 *
 * Steps and switches are live: a real session, servers and sockets, through the shaping proxy. Recorded links are simulated on a virtual
 * clock with the same estimator and policy. They are read from `--traces`, `D3_TRACES`, or `../shared/traces`.
 *
 * A run of some parts keeps the rest of the last report.
 *
 * @packageDocumentation
 */
import { fileURLToPath } from 'node:url';
import { measureProbeDelay, type ProbeDelayRow } from './adapt/link-delay.ts';
import { measureLinkError } from './adapt/link-error.ts';
import { type LiveBed, openLiveBed } from './adapt/live-bed.ts';
import { measureSteps } from './adapt/live-steps.ts';
import { measureFailures, measureUnserved } from './adapt/live-switches.ts';
import { madeHistories, measureTraces, recordedHistories, traceFigures } from './adapt/measure-traces.ts';
import { networkSubjects } from './adapt/network-costs.ts';
import { measureStreamRate } from './adapt/stream-rate.ts';
import { writePart } from './partition/report-parts.ts';
import { isFull, type Report } from './report.ts';
import { median } from './split/median.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function onBed<T>(measure: (bed: LiveBed) => Promise<T>): Promise<T> {
  const bed = await openLiveBed();
  try {
    return await measure(bed);
  } finally {
    await bed.close();
  }
}

const parts: Readonly<Record<string, () => Promise<Report>>> = {
  async steps() {
    const rows = await onBed((bed) => measureSteps(bed, isFull ? 10 : 1));
    const msOf = (what: string) => median(rows.filter((row) => row.what === what).map((row) => row.ms));
    return { figures: { stepDownMs: msOf('step down'), stepUpMs: msOf('step up') }, rows: plain(rows) };
  },
  async switches() {
    return await onBed(async (bed) => {
      const unserved = await measureUnserved(bed, isFull ? 15 : 5);
      const failures = await measureFailures(bed, isFull ? 5000 : 500);
      const unservedMs = median(unserved.map((row) => row.unservedMs));
      const failedRequests = failures.failed + failures.duplicated;
      return { figures: { unservedMs, failedRequests }, rows: plain([...unserved, failures]) };
    });
  },
  async traces() {
    const folder = argument('--traces') ?? process.env.D3_TRACES ?? `${ROOT}../shared/traces`;
    const subjects = await networkSubjects();
    const slowdowns = isFull ? [4, 6, 8, 12, 16] : [4, 8, 16];
    const recorded = measureTraces(recordedHistories(folder), subjects, slowdowns);
    const made = measureTraces(madeHistories, subjects, slowdowns);
    return { figures: { ...traceFigures(recorded) }, rows: plain([...recorded, ...made]) };
  },
  async link() {
    const { figures, rows } = await measureLinkError({ full: isFull });
    const delays = isFull ? await measureDelays() : [];
    return { figures: { ...figures }, rows: plain([...rows, ...delays]) };
  },
  async stream() {
    const { streamOverLimit, gainOverPredicted, rows } = await measureStreamRate({ full: isFull });
    return { figures: { streamOverLimit, streamGainOverPredicted: gainOverPredicted }, rows: plain(rows) };
  },
};

/** What probes cost requests, on a slow and on a quick link. */
async function measureDelays(): Promise<ProbeDelayRow[]> {
  const slow = await measureProbeDelay({ mbit: 5, roundTripMs: 40 });
  return [slow, await measureProbeDelay({ mbit: 20, roundTripMs: 20 })];
}

function plain(rows: readonly object[]): Report['rows'] {
  return rows.map((row) => ({ ...row }));
}

const only = argument('--only')?.split(',') ?? Object.keys(parts);
for (const name of only) {
  const part = parts[name];
  if (part === undefined) throw new Error(`There is no part '${name}': choose from ${Object.keys(parts).join(', ')}`);
  await writePart(name, await part(), 'adapt');
}
