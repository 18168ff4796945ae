import type { TensorMap } from '@d3/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, SegmentSpec } from './backend.ts';
import { calibrate } from './calibrate.ts';
import { goldenRun } from './golden-run.ts';
import { createNodeBackend } from './node/index.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createNodeBackend();
});
afterAll(() => backend.dispose());

/** The backend, with something done to each run. */
const altered = (change: (outputs: TensorMap) => void | Promise<void>): Backend => ({
  ...pick(backend),
  prepare: async (spec: SegmentSpec) => {
    const session = await backend.prepare(spec);
    return {
      backend: 'cpu',
      dispose: () => session.dispose(),
      run: async (inputs: TensorMap) => {
        const run = await session.run(inputs);
        await change(run.outputs);
        return run;
      },
    };
  },
});
const pick = ({ name, concurrency, slowdown, numericClass, lost }: Backend) => ({
  name,
  concurrency,
  slowdown,
  numericClass,
  lost,
  dispose: async () => undefined,
});

describe('calibrate()', () => {
  it('measures a rate and a fixed cost in about its budget', async () => {
    const startedMs = performance.now();
    const { gflops, fixedMs } = await calibrate(backend, { budgetMs: 200 });
    // Between a slow phone and anything that one thread can do.
    expect(gflops).toBeGreaterThan(0.1);
    expect(gflops).toBeLessThan(1000);
    expect(fixedMs).toBeGreaterThan(0);
    expect(fixedMs).toBeLessThan(50);
    // Building sessions is not budgeted.
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });

  it('finds what every run costs alike', async () => {
    const late = altered(() => new Promise((resolve) => setTimeout(resolve, 30)));
    const { fixedMs } = await calibrate(late, { budgetMs: 100 });
    expect(fixedMs).toBeGreaterThan(29);
    expect(fixedMs).toBeLessThan(100);
  });

  it('stops for its signal', async () => {
    await expect(calibrate(backend, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('goldenRun()', () => {
  it('is one value for one runtime and its bits, and another for others', async () => {
    const here = await goldenRun(backend, 'cpu 1');
    expect(here).toMatch(/^[0-9a-f]{64}$/);
    expect(await goldenRun(backend, 'cpu 1')).toBe(here);
    expect(await goldenRun(backend, 'cpu 2')).not.toBe(here);
    const flip = altered(({ scores }) => {
      if (scores !== undefined) scores.bytes[0] = (scores.bytes[0] ?? 0) ^ 1;
    });
    expect(await goldenRun(flip, 'cpu 1')).not.toBe(here);
  });

  it('does not depend on inputs or weights that are all alike', async () => {
    const distinct: number[] = [];
    const look = altered((outputs) => {
      for (const { bytes } of Object.values(outputs)) {
        distinct.push(new Set(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)).size);
      }
    });
    await goldenRun(look, 'cpu 1');
    expect(distinct).toHaveLength(3);
    expect(Math.min(...distinct)).toBe(10);
  });
});
