import type { KindTerms, LayerCost, TierProfile } from '../index.ts';

/** Mulberry32, uniform in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const terms = (values: readonly [number, number, number, number, number]): KindTerms => ({
  constantMs: values[0],
  msPerFlop: values[1],
  msPerInputByte: values[2],
  msPerOutputByte: values[3],
  msPerWeightByte: values[4],
});

/** A made-up machine: convolutions at 20 GFLOP/s, products bound by their weights, the rest by bytes. */
export const MACHINE: TierProfile = {
  tier: 'edge',
  backend: 'cpu',
  gflops: 20,
  fixedMs: 0.2,
  concurrency: 1,
  slowdown: 1,
  terms: {
    'Conv/dense': terms([0.02, 5e-8, 2e-7, 1e-7, 3e-7]),
    Gemm: terms([0.01, 2e-8, 0, 0, 2e-7]),
    MaxPool: terms([0.005, 0, 1e-7, 3e-7, 0]),
  },
};

/** A layer of random size. */
export function randomLayer(next: () => number): LayerCost {
  const kind = ['Conv/dense', 'Gemm', 'MaxPool'][Math.floor(next() * 3)] ?? 'Gemm';
  const bytes = () => Math.round(10 ** (4 + 2 * next()));
  const weightBytes = kind === 'MaxPool' ? 0 : bytes();
  const flops = kind === 'Gemm' ? weightBytes / 2 : 10 ** (6 + 2 * next());
  return { kind, flops, inputBytes: bytes(), outputBytes: bytes(), weightBytes };
}

/** One to eight random layers. */
export function randomSegment(next: () => number): LayerCost[] {
  return Array.from({ length: 1 + Math.floor(next() * 8) }, () => randomLayer(next));
}
