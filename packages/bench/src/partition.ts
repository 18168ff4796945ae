/**
 * `npm run bench:partition [-- --full]`: the planner's speed, its size, and how far heuristics are from the optimum.
 *
 * @packageDocumentation
 */
import { bundleGzipKb } from './partition/measure-bundle.ts';
import { measureGaps } from './partition/measure-gaps.ts';
import { measureIlp } from './partition/measure-ilp.ts';
import { families, measureGrowth, measureLocalUpdate, measureNetworks } from './partition/measure-speed.ts';
import { exponentOf } from './partition/timing.ts';
import { isFull, writeReport } from './report.ts';

const networks = measureNetworks(isFull ? 400 : 120);
measureLocalUpdate(1200); // warms up
const local = measureLocalUpdate(isFull ? 6000 : 2400);
const growth = measureGrowth(families, isFull ? [100, 300, 1000, 3000, 5000, 10_000] : [100, 1000, 5000, 10_000]);
const inception = growth.points.get('inception') ?? [];
const ilp = await measureIlp(
  isFull ? ['alexnet', 'vgg16', 'resnet18', 'darknet53', 'inception-v4'] : ['alexnet', 'vgg16', 'resnet18'],
);
const gaps = [
  ...measureGaps('latency', { perStratum: isFull ? 400 : 80, sizes: [10, 60] }),
  ...measureGaps('throughput', { perStratum: isFull ? 60 : 6, sizes: [10, 40] }),
  ...measureGaps('latency', { perStratum: isFull ? 60 : 6, sizes: [10, 40], memoryCaps: true }),
];
const figures = {
  optimalInceptionV4Ms: networks.ms('optimal', 'inception-v4'),
  optimal5000LayersMs: inception.find(([layers]) => layers >= 5000 && layers < 5100)?.[1] ?? Number.NaN,
  hpaInceptionV4Ms: networks.ms('hpa', 'inception-v4'),
  hpaLocalUpdateMs: local.ms,
  ilpOverOptimal: ilp.ratio,
  growthExponent: exponentOf(inception),
  bundleGzipKb: await bundleGzipKb('*'),
  optimalGzipKb: await bundleGzipKb('{ optimal, prepareGraph }'),
};
await writeReport('partition', {
  figures,
  rows: [...networks.rows, ...local.rows, ...growth.rows, ...ilp.rows, ...gaps],
});
