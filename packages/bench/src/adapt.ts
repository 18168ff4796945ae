/**
 * `npm run bench:adapt [-- --full] [-- --traces DIR]`: how quickly a session follows its link, what a switch costs, and how adapting
 * compares with the best fixed split over recorded links.
 *
 * Steps and switches are live: a real session, servers and sockets, through the shaping proxy. Recorded links are simulated on a virtual
 * clock with the same estimator and policy. They are read from `--traces`, `D3_TRACES`, or `../shared/traces`.
 *
 * @packageDocumentation
 */
import { fileURLToPath } from 'node:url';
import { measureLinkError } from './adapt/link-error.ts';
import { openLiveBed } from './adapt/live-bed.ts';
import { measureSteps } from './adapt/live-steps.ts';
import { measureFailures, measureUnserved } from './adapt/live-switches.ts';
import { madeHistories, measureTraces, recordedHistories, traceFigures } from './adapt/measure-traces.ts';
import { networkSubjects } from './adapt/network-costs.ts';
import { isFull, writeReport } from './report.ts';
import { median } from './split/median.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const option = process.argv.indexOf('--traces');
const folder =
  (option < 0 ? undefined : process.argv[option + 1]) ?? process.env.D3_TRACES ?? `${ROOT}../shared/traces`;

const bed = await openLiveBed();
const live = await (async () => {
  try {
    const unserved = await measureUnserved(bed, isFull ? 15 : 5);
    const failures = await measureFailures(bed, isFull ? 5000 : 500);
    const steps = await measureSteps(bed, isFull ? 10 : 1);
    return { unserved, failures, steps };
  } finally {
    await bed.close();
  }
})();
const subjects = await networkSubjects();
const slowdowns = isFull ? [4, 6, 8, 12, 16] : [4, 8, 16];
const made = measureTraces(madeHistories, subjects, slowdowns);
const recorded = measureTraces(recordedHistories(folder), subjects, slowdowns);
const link = await measureLinkError({ full: isFull });
const msOf = (what: string) => median(live.steps.filter((row) => row.what === what).map((row) => row.ms));
await writeReport('adapt', {
  figures: {
    stepDownMs: msOf('step down'),
    stepUpMs: msOf('step up'),
    unservedMs: median(live.unserved.map((row) => row.unservedMs)),
    failedRequests: live.failures.failed + live.failures.duplicated,
    ...traceFigures(recorded),
    ...link.figures,
  },
  rows: [...live.steps, ...live.unserved, live.failures, ...recorded, ...made, ...link.rows].map((row) => ({ ...row })),
});
