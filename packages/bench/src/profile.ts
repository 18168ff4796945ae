/**
 * `npm run bench:profile [-- --full]`: how far predicted times are from measured ones, per network and backend: by a fresh
 * calibration, and after ten requests. No network that is measured here has a part in the calibration.
 *
 * Two networks by default, all five of the paper under `--full`. Third-party models are read from `D3_MODELS` (by default
 * `../shared/models`); rows say what was not there.
 *
 * @packageDocumentation
 */
import type { PackedModel } from '@d3/onnx';
import { findChromium, openBenchBrowser } from './profile/browser-machine.ts';
import { drawSegments } from './profile/draw-segments.ts';
import type { Machine } from './profile/machine.ts';
import { loadNetwork } from './profile/networks.ts';
import { openNodeMachine } from './profile/node-machine.ts';
import { type Score, scoreOf } from './profile/score.ts';
import { isFull, writeReport } from './report.ts';
import { median } from './split/median.ts';

type Row = Readonly<Record<string, unknown>>;
interface ScoredRow extends Score {
  readonly kind: 'segments';
  readonly backend: string;
  readonly network: string;
}

const NETWORKS = isFull
  ? ['alexnet', 'vgg16', 'resnet18', 'darknet53', 'inception-v4', 'squeezenet', 'sketch-resnet', 'mobilenet-v2']
  : ['sketch-resnet', 'squeezenet'];
/** A software adapter is a hundred times slower than a GPU: only the smallest. */
const WEBGPU_NETWORKS = ['sketch-resnet'];
const BUDGET_MS = isFull ? 15_000 : 5_000;
const CUTS = isFull ? 12 : 10;
const SEED = 5;

const loaded = new Map<string, PackedModel | undefined>();
async function networkOf(name: string): Promise<PackedModel | undefined> {
  if (!loaded.has(name)) loaded.set(name, await loadNetwork(name));
  return loaded.get(name);
}

async function measure(machine: Machine, names: readonly string[]): Promise<Row[]> {
  const { profile, ...calibration } = await machine.calibrate();
  const rows: Row[] = [{ kind: 'calibration', backend: machine.backend, gflops: profile.gflops, ...calibration }];
  for (const network of names) {
    const packed = await networkOf(network);
    if (packed === undefined) {
      rows.push({ kind: 'skipped', backend: machine.backend, network, reason: 'its file is not here: set D3_MODELS' });
      continue;
    }
    const segments = drawSegments(packed.manifest.layers.length, { cuts: CUTS, seed: SEED });
    const times = await machine.time(packed, { segments, budgetMs: BUDGET_MS });
    const score = scoreOf(profile, packed.manifest, { segments, times });
    rows.push({ kind: 'segments', backend: machine.backend, network, ...score });
    console.log(machine.backend, network, score);
  }
  await machine.close();
  return rows;
}

const rows = await measure(await openNodeMachine(), NETWORKS);
const chromium = findChromium();
if (chromium === undefined) rows.push({ kind: 'skipped', backend: 'wasm', reason: 'no Chromium: set CHROMIUM_PATH' });
else {
  const browser = await openBenchBrowser(chromium);
  try {
    rows.push(...(await measure(browser.open('wasm'), NETWORKS)));
    rows.push(...(await measure(browser.open('webgpu'), WEBGPU_NETWORKS)));
  } finally {
    await browser.close();
  }
}
/** Those that the figures promise something of; WebGPU is the software adapter's, and reported as it is. */
const scored = rows.filter((row) => row.kind === 'segments' && row.backend !== 'webgpu') as unknown as ScoredRow[];
await writeReport('profile', {
  figures: {
    coldMedianError: median(scored.map((row) => row.coldMedianError)),
    warmMedianError: median(scored.map((row) => row.warmMedianError)),
  },
  rows,
});
