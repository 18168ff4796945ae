import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fabric, startFabric } from './client-browser/fabric.ts';
import type { Visit } from './first-visit/page.ts';
import { buildPage, type Harness, launchBrowser, openPage, removeSite, serveHarness } from './harness/index.ts';

type Exports = typeof import('./first-visit/page.ts');

const FOLDER = fileURLToPath(new URL('../packages/zoo/sketch-resnet', import.meta.url));
/** A thread that is blocked is so on each visit; one that is short of a core, now and then: the best counts. */
const VISITS = 3;
const LONGEST_GAP_MS = 50;
const LONGEST_CALIBRATION_MS = 10_000;

describe('a first visit', () => {
  let browser: Browser;
  let site: string;
  let harness: Harness;
  let fabric: Fabric;

  beforeAll(async () => {
    const sketch = { name: 'sketch', folder: FOLDER, onnx: 'sketch-resnet.onnx', labels: 'labels.json' };
    [browser, site, fabric] = await Promise.all([
      launchBrowser(),
      buildPage(new URL('./first-visit/page.ts', import.meta.url)),
      startFabric({ ...sketch, sidecar: 'sketch-resnet.d3.json' }),
    ]);
    harness = await serveHarness({ site });
  });

  afterAll(async () => {
    await browser?.close();
    await harness?.close();
    await fabric?.close();
    if (site !== undefined) await removeSite(site);
  });

  /** In a context of its own: nothing is cached. The second visit finds what the first one left. */
  const visitTwice = async (backend: 'wasm' | 'webgpu'): Promise<readonly [first: Visit, second: Visit]> => {
    const page = await openPage<Exports>(browser, harness.origin);
    const options = { model: 'sketch', edge: fabric.link, backends: [backend], standby: false } as const;
    const visits = [await page.call('visit', options), await page.call('visit', options)] as const;
    await page.close();
    return visits;
  };

  it('measures wasm in seconds and never holds up the page meanwhile', async () => {
    const firsts: Visit[] = [];
    const isGood = ({ longestGapMs, calibrationMs }: Visit) =>
      (longestGapMs.calibrate ?? Number.NaN) <= LONGEST_GAP_MS && calibrationMs <= LONGEST_CALIBRATION_MS;
    while (firsts.length < VISITS && !firsts.some(isGood)) {
      const [first] = await visitTwice('wasm');
      firsts.push(first);
    }
    console.log(`First visits: ${JSON.stringify(firsts)}`);
    expect(firsts.some(isGood)).toBe(true);
  });

  it.each(['wasm', 'webgpu'] as const)('measures %s once', async (backend) => {
    const [first, second] = await visitTwice(backend);
    expect([first.backend, second.backend]).toEqual([backend, backend]);
    expect(first.calibrationMs).toBeGreaterThan(0);
    expect(second.calibrationMs).toBe(0);
  });
});
