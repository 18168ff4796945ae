/**
 * `npm run bench:partition [-- --full] [-- --only speed,growth,ilp,gaps,bundle]`: the planner's speed, its size, and how far
 * heuristics are from the optimum. A run of some parts keeps the rest of the last report.
 *
 * @packageDocumentation
 */
import { bundleGzipKb } from './partition/measure-bundle.ts';
import { measureGaps } from './partition/measure-gaps.ts';
import { measureIlp } from './partition/measure-ilp.ts';
import {
  families,
  measureGrowth,
  measureLocalUpdate,
  measureNetworks,
  measureStreams,
  type Row,
} from './partition/measure-speed.ts';
import { writePart } from './partition/report-parts.ts';
import { exponentOf, median } from './partition/timing.ts';
import { isFull } from './report.ts';

/** What one part of the benchmark found. */
interface Part {
  readonly figures: Readonly<Record<string, number>>;
  readonly rows: readonly Row[];
}

const parts: Readonly<Record<string, () => Part | Promise<Part>>> = {
  speed() {
    const networks = measureNetworks(isFull ? 400 : 120);
    measureLocalUpdate(1200); // warms up
    const local = measureLocalUpdate(isFull ? 6000 : 2400);
    const streams = measureStreams(isFull ? 60 : 12);
    return {
      figures: {
        optimalInceptionV4Ms: networks.ms('optimal', 'inception-v4'),
        hpaInceptionV4Ms: networks.ms('hpa', 'inception-v4'),
        hpaLocalUpdateMs: local.ms,
        streamInceptionV4Ms: streams.ms,
      },
      rows: [...networks.rows, ...local.rows, ...streams.rows],
    };
  },
  growth() {
    const { rows, points } = measureGrowth(
      families,
      isFull ? [100, 300, 1000, 3000, 5000, 10_000] : [100, 1000, 5000, 10_000],
    );
    const inception = points.get('inception') ?? [];
    const optimal5000LayersMs = inception.find(([layers]) => layers >= 5000 && layers < 5100)?.[1] ?? Number.NaN;
    return { figures: { optimal5000LayersMs, growthExponent: exponentOf(inception) }, rows };
  },
  async ilp() {
    const { rows, ratio } = await measureIlp(
      isFull ? ['alexnet', 'vgg16', 'resnet18', 'darknet53', 'inception-v4'] : ['alexnet', 'vgg16', 'resnet18'],
    );
    return { figures: { ilpOverOptimal: ratio }, rows };
  },
  gaps() {
    const corpora = [
      measureGaps('latency', { perStratum: isFull ? 400 : 80, sizes: [10, 60] }),
      measureGaps('throughput', { perStratum: isFull ? 60 : 6, sizes: [10, 40] }),
      measureGaps('latency', { perStratum: isFull ? 60 : 6, sizes: [10, 40], memoryCaps: true }),
    ];
    const unproven = corpora.flatMap(({ boundGaps }) => boundGaps).filter((gap) => gap > 1e-9);
    return {
      figures: { boundGapMedian: unproven.length === 0 ? 0 : median(unproven), boundUnproven: unproven.length },
      rows: corpora.flatMap(({ rows }) => rows),
    };
  },
  async bundle() {
    const figures = {
      bundleGzipKb: await bundleGzipKb('*'),
      optimalGzipKb: await bundleGzipKb('{ optimal, prepareGraph }'),
    };
    return { figures, rows: [{ what: 'bundle', ...figures }] };
  },
};

const at = process.argv.indexOf('--only');
const only = at < 0 ? Object.keys(parts) : (process.argv[at + 1] ?? '').split(',');
for (const name of only) {
  const part = parts[name];
  if (part === undefined) throw new Error(`There is no part '${name}': choose from ${Object.keys(parts).join(', ')}`);
  await writePart(name, await part());
}
