import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeManifest, packModel } from '@d3/onnx';
import { inferShapes } from '@d3/runtime/node';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPage,
  type Harness,
  type HarnessPage,
  launchBrowser,
  openPage,
  removeSite,
  serveHarness,
} from './harness/index.ts';

type Exports = typeof import('./runtime-web/page.ts');

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODELS = process.env.D3_MODELS ?? join(ROOT, '../shared/models');
const SKETCH_RESNET = join(ROOT, 'packages/zoo/sketch-resnet');

let browser: Browser;
let site: string;
let plain: Harness;
let isolated: Harness;
let strict: Harness;

beforeAll(async () => {
  [browser, site] = await Promise.all([launchBrowser(), buildPage(new URL('./runtime-web/page.ts', import.meta.url))]);
  const mounts = { '/models/': MODELS, '/sketch-resnet/': SKETCH_RESNET };
  plain = await serveHarness({ site, mounts });
  isolated = await serveHarness({ site, isolated: true });
  strict = await serveHarness({ site, mounts, csp: "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" });
});

afterAll(async () => {
  await browser?.close();
  await Promise.all([plain, isolated, strict].map((harness) => harness?.close()));
  if (site !== undefined) await removeSite(site);
});

describe.each(['wasm', 'webgpu'] as const)(
  'createWebBackend() on %s, under a strict Content-Security-Policy',
  (name) => {
    let page: HarnessPage<Exports>;

    beforeAll(async () => {
      page = await openPage<Exports>(browser, strict.origin);
    });
    afterAll(async () => {
      await page?.close();
    });

    it('opens on a page that is not isolated, on one thread, and names its adapter', async () => {
      const backend = await page.call('openBackend', name);
      expect(backend).toMatchObject({ value: { isolated: false, threads: 1 } });
      if (!('value' in backend)) return;
      expect(backend.value.numericClass).toMatch(/^[0-9a-f]{64}$/);
      if (name === 'webgpu')
        expect(backend.value.adapter).toMatchObject({ vendor: 'google', architecture: 'swiftshader' });
      else expect(backend.value.adapter).toBeUndefined();
    });

    it('runs three segments to the bits of the whole', async () => {
      const { whole, parts, other } = await page.call('runWholeAndParts', name);
      expect(parts).toBe(whole);
      expect(other).not.toBe(whole);
    });

    it('queues concurrent runs: each gets its own outputs, and one that fails leaves the others alone', async () => {
      const { together, alone, failure, waited } = await page.call('runConcurrently', name);
      expect(together).toEqual(alone);
      expect(new Set(together).size).toBe(13);
      expect(failure).toMatchObject({ code: 'RUNTIME_RUN_FAILED' });
      expect(waited).toBe(true);
    });

    it('drops a waiting run whose signal aborts, and no other', async () => {
      const { first, second, third } = await page.call('abortWaiting', name);
      expect(second).toEqual({ code: 'AbortError', message: 'not wanted any more' });
      expect(first).not.toBe(third);
    });

    it('hands every element type through unchanged and leaves inputs to the caller', async () => {
      const { same, kept } = await page.call('passTypesThrough', name);
      expect(same).toHaveLength(name === 'wasm' ? 7 : 2);
      expect(kept).toBe(true);
    });

    it('refuses bad segments with a typed error and stays usable', async () => {
      const { unknownOperator, folder, noise, afterwards } = await page.call('prepareBadSegments', name);
      expect(unknownOperator).toMatchObject({
        code: 'RUNTIME_CREATE_FAILED',
        message: expect.stringContaining('Frobnicate'),
      });
      expect(folder).toMatchObject({ code: 'RUNTIME_CREATE_FAILED', message: expect.stringContaining('/models') });
      expect(noise).toMatchObject({ code: 'RUNTIME_CREATE_FAILED' });
      expect(afterwards).toMatch(/^y:/);
    });

    it('infers shapes', async () => {
      const { values, bad } = await page.call('shapesOf', name);
      expect(values).toContainEqual({ name: 'b', type: 'float32', shape: [1, 8, 8, 8] });
      expect(values).toHaveLength(8);
      expect(bad).toMatchObject({ code: 'RUNTIME_SHAPES_FAILED' });
    });

    it('measures itself with calibrate()', async () => {
      const { gflops, fixedMs } = await page.call('measure', name);
      expect(gflops).toBeGreaterThan(0.01);
      expect(fixedMs).toBeGreaterThan(0);
    });

    it("leaves the page's timers alone", async () => {
      const { gapMs, busyMs } = await page.call('timerGapMs', name);
      expect(busyMs).toBeGreaterThan(100);
      expect(gapMs).toBeLessThanOrEqual(50);
    });

    it("leaves a session worker's timers alone when nested in it, and computes the same there", async () => {
      const { gapMs, busyMs, output } = await page.call('nestedTimerGapMs', name);
      expect(busyMs).toBeGreaterThan(100);
      expect(gapMs).toBeLessThanOrEqual(50);
      expect(output).toBe(await page.call('runHeavy', name));
    });

    it('cuts sketch-resnet to the bits of the whole', async () => {
      // All of it would take a software GPU a minute to compile.
      const layers = name === 'wasm' ? { cuts: [4, 11] } : { cuts: [1, 3], end: 5 };
      const url = '/sketch-resnet/sketch-resnet.onnx';
      const { whole, parts } = await page.call('splitModel', name, { url, ...layers });
      expect(parts).toBe(whole);
    });

    if (name === 'webgpu') {
      it('settles `lost` with the GPU, rejects pending and later calls, and opens again', async () => {
        const { reason, pending, later } = await page.call('loseDevice');
        expect(reason).toMatch(/GPU device was lost/);
        expect(pending.at(-1)).toMatchObject({ code: 'RUNTIME_LOST' });
        expect(later).toMatchObject({ code: 'RUNTIME_LOST', message: expect.stringContaining('webgpu') });
        expect(await page.call('openBackend', 'webgpu')).toMatchObject({ value: { adapter: { vendor: 'google' } } });
      });
    }

    it('rejects pending runs when a session or the backend is disposed of', async () => {
      const { ofSession, ofBackend, later, lostSettled } = await page.call('disposeWhilePending', name);
      for (const end of [...ofSession, ...ofBackend, later]) expect(end).toMatchObject({ code: 'RUNTIME_DISPOSED' });
      expect(lostSettled).toBe(false);
    });
  },
);

describe('createWebBackend() when its worker goes', () => {
  it('notices that a worker which somebody else started was terminated', async () => {
    const page = await openPage<Exports>(browser, plain.origin);
    const { before, reason, pending } = await page.call('loseForeignWorker');
    expect(before).toMatch(/^y:/);
    expect(reason).toMatch(/worker ended/);
    expect(pending).toMatchObject({ code: 'RUNTIME_LOST' });
    await page.close();
  });

  it('says so when the script of the worker cannot be loaded', async () => {
    const page = await openPage<Exports>(browser, plain.origin);
    expect(await page.call('startMissingWorker')).toMatch(/cannot be loaded/);
    await page.page.route('**/compute-worker*', (route) => route.abort());
    expect(await page.call('openBackend', 'wasm')).toMatchObject({ code: 'RUNTIME_WORKER_FAILED' });
    await page.close();
  });
});

describe('createWebBackend() on pages of all sorts', () => {
  it('uses threads on an isolated page, to the same bits', async () => {
    const [isolatedPage, plainPage] = await Promise.all([
      openPage<Exports>(browser, isolated.origin),
      openPage<Exports>(browser, plain.origin),
    ]);
    expect(await isolatedPage.call('openBackend', 'wasm', { threads: 2 })).toMatchObject({
      value: { isolated: true, threads: 2 },
    });
    expect(await plainPage.call('openBackend', 'wasm', { threads: 2 })).toMatchObject({
      value: { isolated: false, threads: 1 },
    });
    const threaded = await isolatedPage.call('runWholeAndParts', 'wasm');
    expect(threaded.parts).toBe(threaded.whole);
    expect(threaded.whole).toBe((await plainPage.call('runWholeAndParts', 'wasm')).whole);
    await Promise.all([isolatedPage.close(), plainPage.close()]);
  });

  it('runs webgpu in a browser without JSPI', async () => {
    const page = await openPage<Exports>(browser, plain.origin);
    await page.page.route('**/compute-worker*', async (route) => {
      const script = await (await route.fetch()).text();
      await route.fulfill({ contentType: 'text/javascript', body: `delete WebAssembly.Suspending;\n${script}` });
    });
    const requested: string[] = [];
    page.page.on('request', (request) => requested.push(new URL(request.url()).pathname));
    expect(await page.call('openBackend', 'webgpu')).toHaveProperty('value');
    expect(requested).toContain('/ort/ort-wasm-simd-threaded.asyncify.mjs');
    const { whole, parts } = await page.call('runWholeAndParts', 'webgpu');
    expect(parts).toBe(whole);
    await page.close();
  });

  it('names the URL when the assets are not there, or are something else', async () => {
    const page = await openPage<Exports>(browser, plain.origin);
    expect(await page.call('openBackend', 'wasm', { assets: '/elsewhere' })).toMatchObject({
      code: 'RUNTIME_ASSETS_NOT_FOUND',
      message: expect.stringContaining(`${plain.origin}/elsewhere/ort-wasm-simd-threaded.mjs answers with status 404`),
    });
    await page.page.route('**/ort/*.wasm', (route) => route.fulfill({ contentType: 'text/html', body: '<html>' }));
    expect(await page.call('openBackend', 'wasm')).toMatchObject({
      code: 'RUNTIME_ASSETS_NOT_FOUND',
      message: expect.stringContaining('is served as text/html'),
    });
    await page.close();
  });

  it('says so when a Content-Security-Policy forbids WebAssembly', async () => {
    const stricter = await serveHarness({ site, csp: "default-src 'self'" });
    const page = await openPage<Exports>(browser, stricter.origin);
    expect(await page.call('openBackend', 'wasm')).toMatchObject({ code: 'RUNTIME_SCRIPT_FORBIDDEN' });
    await page.close();
    await stricter.close();
  });

  it('runs in a page whose script comes from another origin', async () => {
    const embedding = await serveHarness({ site, scriptOrigin: plain.origin });
    const page = await openPage<Exports>(browser, embedding.origin);
    expect(await page.call('openBackend', 'wasm', { assets: `${plain.origin}/ort/` })).toHaveProperty('value');
    const { whole, parts } = await page.call('runWholeAndParts', 'wasm');
    expect(parts).toBe(whole);
    await page.close();
    await embedding.close();
  });

  it('really slows by the factor given', async () => {
    const page = await openPage<Exports>(browser, plain.origin);
    await page.call('openBackend', 'wasm');
    const { plainMs, slowedMs, wallMs } = await page.call('compareSlowdown', 8);
    expect(slowedMs).toBeGreaterThan(plainMs * 4);
    expect(wallMs).toBeGreaterThan(slowedMs * 0.95);
    await page.close();
  });
});

it('detectBackends() finds both, or says what is missing', async () => {
  const page = await openPage<Exports>(browser, plain.origin);
  expect(await page.call('detect')).toEqual([
    { name: 'webgpu', available: true },
    { name: 'wasm', available: true },
  ]);
  await page.close();
  const without = await launchBrowser({ webgpu: false });
  const poorer = await openPage<Exports>(without, plain.origin);
  expect(await poorer.call('detect')).toMatchObject([{ name: 'webgpu', available: false }, { available: true }]);
  expect(await poorer.call('openBackend', 'webgpu')).toMatchObject({
    code: 'RUNTIME_WEBGPU_UNAVAILABLE',
    message: expect.stringContaining("use the 'wasm' backend"),
  });
  await without.close();
});

/** Runs with a third-party model, or says that it is absent. */
function withModel(file: string, title: string, test: (file: string) => Promise<void>): void {
  const path = join(MODELS, file);
  if (existsSync(path)) it(title, () => test(path));
  else it.skip(`${title}: ${path} is absent; D3_MODELS names the folder of third-party models`, () => undefined);
}

describe('@d3/onnx in a page', () => {
  let page: HarnessPage<Exports>;

  beforeAll(async () => {
    page = await openPage<Exports>(browser, plain.origin);
  });
  afterAll(async () => {
    await page?.close();
  });

  const packsAlike = async (url: string, path: string): Promise<void> => {
    const here = await packModel(Uint8Array.from(await readFile(path)), { name: 'packed', infer: inferShapes });
    const there = await page.call('pack', url);
    expect(there.manifest).toBe(new TextDecoder().decode(encodeManifest(here.manifest)));
    expect(there.graph).toBe(Buffer.from(here.graph).toString('base64'));
    expect(there.blobs).toEqual([...here.weights.keys()]);
  };

  it('packs sketch-resnet to the bytes that Node packs it to', async () => {
    await packsAlike('/sketch-resnet/sketch-resnet.onnx', join(SKETCH_RESNET, 'sketch-resnet.onnx'));
  });

  withModel('ultraface-rfb-320.onnx', 'packs ultraface to the bytes that Node packs it to', async (path) => {
    await packsAlike('/models/ultraface-rfb-320.onnx', path);
  });

  withModel('squeezenet1.1_fp32.onnx', 'cuts SqueezeNet on wasm to the bits of the whole', async () => {
    await page.call('openBackend', 'wasm');
    const model = { url: '/models/squeezenet1.1_fp32.onnx', cuts: [9, 22] };
    const { whole, parts, layers } = await page.call('splitModel', 'wasm', model);
    expect(layers).toBeGreaterThan(25);
    expect(parts).toBe(whole);
  });
});
