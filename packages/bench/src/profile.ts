/**
 * `npm run bench:profile [-- --full] [--only cpu|wasm|webgpu|end-to-end]…`: how far predicted times are from measured ones. Segments, per
 * network and backend: by a fresh calibration, and after ten requests; no network that is measured here has a part in the calibration.
 * And requests, per network, link and plan, on a running fabric.
 *
 * Two networks and two links by default, all networks of the paper and four links under `--full`. What `--only` leaves out is kept from
 * the report of the run before. Third-party models are read from `D3_MODELS` (by default `../shared/models`); rows say what was not there.
 *
 * @packageDocumentation
 */
import { fileURLToPath } from 'node:url';
import type { PackedModel } from '@d3/onnx';
import type { WebBackendName } from '@d3/runtime/web';
import { type BenchBrowser, findChromium, openBenchBrowser } from './profile/browser-machine.ts';
import { drawSegments } from './profile/draw-segments.ts';
import { measureEndToEnd } from './profile/end-to-end.ts';
import type { Machine } from './profile/machine.ts';
import { loadNetwork } from './profile/networks.ts';
import { openNodeMachine } from './profile/node-machine.ts';
import { keptRows, type Part, type Row, wantedParts } from './profile/parts.ts';
import { scoreOf } from './profile/score.ts';
import { isFull, writeReport } from './report.ts';
import { median } from './split/median.ts';

const NETWORKS = isFull
  ? ['alexnet', 'vgg16', 'resnet18', 'darknet53', 'inception-v4', 'squeezenet', 'sketch-resnet', 'mobilenet-v2']
  : ['sketch-resnet', 'squeezenet'];
/** A software adapter is a hundred times slower than a GPU: only the smallest. */
const WEBGPU_NETWORKS = ['sketch-resnet'];
const LINKS = isFull ? 4 : 2;
const CUTS = isFull ? 12 : 10;
/** Enough for ten requests and some that were not among them. */
const WEBGPU_CUTS = 5;
const SEED = 5;
const REPORT = fileURLToPath(new URL(`../../../docs/evaluation/profile${isFull ? '-full' : ''}.json`, import.meta.url));

const loaded = new Map<string, PackedModel | undefined>();
async function networkOf(name: string): Promise<PackedModel | undefined> {
  if (!loaded.has(name)) loaded.set(name, await loadNetwork(name));
  return loaded.get(name);
}

async function measureSegments(part: Part, machine: Machine, names: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const network of names) {
    const packed = await networkOf(network);
    if (packed === undefined) {
      rows.push({ part, kind: 'skipped', network, reason: 'its file is not here: set D3_MODELS' });
      continue;
    }
    const segments = drawSegments(packed.manifest.layers.length, {
      cuts: part === 'webgpu' ? WEBGPU_CUTS : CUTS,
      seed: SEED,
    });
    const measured = await machine.measure(packed, segments);
    const { calibrationMs, profile } = measured;
    const score = scoreOf(packed.manifest, segments, measured);
    rows.push({ part, kind: 'segments', network, ...score, calibrationMs, gflops: profile.gflops });
    console.log(part, network, score);
  }
  await machine.close();
  return rows;
}

let browser: BenchBrowser | undefined;
async function measureInBrowser(part: WebBackendName, names: readonly string[]): Promise<Row[]> {
  const chromium = findChromium();
  if (chromium === undefined) return [{ part, kind: 'skipped', reason: 'no Chromium: set CHROMIUM_PATH' }];
  browser ??= await openBenchBrowser(chromium);
  return await measureSegments(part, browser.open(part), names);
}

async function measureRequests(): Promise<Row[]> {
  const models = await Promise.all(NETWORKS.map(networkOf));
  const { rows } = await measureEndToEnd({ models: models.filter((model) => model !== undefined), links: LINKS });
  return rows.map((row) => ({ part: 'end-to-end', ...row }));
}

const measurers: Readonly<Record<Part, () => Promise<Row[]>>> = {
  cpu: async () => measureSegments('cpu', await openNodeMachine(), NETWORKS),
  wasm: () => measureInBrowser('wasm', NETWORKS),
  webgpu: () => measureInBrowser('webgpu', WEBGPU_NETWORKS),
  'end-to-end': measureRequests,
};

const wanted = wantedParts(process.argv);
const rows = [...keptRows(REPORT, wanted)];
try {
  for (const part of wanted) rows.push(...(await measurers[part]()));
} finally {
  await browser?.close();
}
/** Of the rows that the figures promise something of: WebGPU is the software adapter's, and reported as it is. */
const medianOf = (figure: string, ...of: Part[]) => {
  const values = rows.filter(({ part }) => of.includes(part)).map((row) => Number(row[figure] ?? Number.NaN));
  return median(values.filter((value) => !Number.isNaN(value)));
};
await writeReport('profile', {
  figures: {
    coldMedianError: medianOf('coldMedianError', 'cpu', 'wasm'),
    warmMedianError: medianOf('warmMedianError', 'cpu', 'wasm'),
    ...(rows.some(({ part }) => part === 'end-to-end') && { endToEndMedianError: medianOf('error', 'end-to-end') }),
  },
  rows,
});
