import { BOUNDARY } from '@d3/profile';
import type { TensorMap } from '@d3/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, SegmentSpec } from '../backend.ts';
import { goldenRun } from '../golden-run.ts';
import { createNodeBackend } from '../node/index.ts';
import { calibrate } from './calibrate.ts';

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
  it('measures a rate, a fixed time and terms of every kind in about its budget, and tells how far it is', async () => {
    const startedMs = performance.now();
    const progress: number[] = [];
    const found = await calibrate(backend, { budgetMs: 1500, onProgress: (fraction) => progress.push(fraction) });
    // Between a slow phone and anything that one thread can do.
    expect(found.gflops).toBeGreaterThan(0.1);
    expect(found.gflops).toBeLessThan(1000);
    expect(found.fixedMs).toBeGreaterThan(0);
    expect(found.fixedMs).toBeLessThan(50);
    expect(Object.keys(found.terms)).toEqual(
      expect.arrayContaining(['Conv/dense', 'Conv/depthwise', 'Gemm', BOUNDARY]),
    );
    // The last segment that was begun is finished, however slow the machine is just now.
    expect(performance.now() - startedMs).toBeLessThan(6000);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
  });

  it('times the telling segments whatever the budget is', async () => {
    const { samples, terms } = await calibrate(backend, { budgetMs: 0 });
    expect(samples).toHaveLength(6);
    expect(terms['Conv/dense']).toBeDefined();
  });

  it('finds what every run costs alike', async () => {
    const late = altered(() => new Promise((resolve) => setTimeout(resolve, 30)));
    const { fixedMs } = await calibrate(late, { budgetMs: 100 });
    expect(fixedMs).toBeGreaterThan(29);
    expect(fixedMs).toBeLessThan(100);
  });

  it('stops for its signal, at once or midway, and leaves no session behind', async () => {
    await expect(calibrate(backend, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const midway = new AbortController();
    const counted = countingSessions();
    const onProgress = (fraction: number) => fraction > 0.2 && midway.abort(new Error('left'));
    await expect(calibrate(counted.backend, { budgetMs: 800, signal: midway.signal, onProgress })).rejects.toThrow(
      'left',
    );
    expect(counted.made).toBeGreaterThan(0);
    expect(counted.ended).toBe(counted.made);
  });
});

/** The backend, counting the sessions that it made and that were disposed of. */
function countingSessions() {
  const counted = { made: 0, ended: 0, backend };
  counted.backend = {
    ...pick(backend),
    prepare: async (spec, options) => {
      const session = await backend.prepare(spec, options);
      counted.made += 1;
      return {
        backend: 'cpu',
        run: (inputs, runOptions) => session.run(inputs, runOptions),
        dispose: () => {
          counted.ended += 1;
          return session.dispose();
        },
      };
    },
  };
  return counted;
}

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
