import { ProbeChain } from './probe-chain.ts';
import {
  type ConvSpec,
  concat,
  conv,
  elementwise,
  flatten,
  gemm,
  layerNorm,
  matMul,
  pool,
  product,
  transpose,
} from './probe-layers.ts';

type Fill = (chain: ProbeChain) => void;

/** An image of `channels` on a square. */
const image = (id: string, [channels, side]: readonly [number, number], fill: Fill): ProbeChain =>
  filled(new ProbeChain(id, [1, channels, side, side]), fill);
const filled = (chain: ProbeChain, fill: Fill): ProbeChain => {
  fill(chain);
  return chain;
};
/** Convolutions one after the other. */
const convs =
  (...specs: readonly ConvSpec[]): Fill =>
  (chain) => {
    for (const spec of specs) conv(chain, spec);
  };
const dense = (out: number, stride = 1, kernel = 3): ConvSpec => ({ out, kernel, stride });
const point = (out: number): ConvSpec => ({ out, kernel: 1 });
const depth = (out: number, stride = 1): ConvSpec => ({ out, kernel: 3, stride, groups: 'depthwise' });
const times = <Value>(count: number, value: Value): Value[] => Array.from({ length: count }, () => value);

/** A bottleneck as mobile networks have it. */
const inverted =
  (out: number, wide: number, stride: number): Fill =>
  (chain) => {
    conv(chain, point(wide));
    conv(chain, depth(wide, stride));
    conv(chain, { out, kernel: 1, activation: 'none' });
  };

/** Two convolutions and a shortcut around them. */
const residual: Fill = (chain) => {
  const { last } = chain;
  const out = last.shape[1] ?? 1;
  conv(chain, dense(out));
  conv(chain, { ...dense(out), plus: last });
};

/** Branches that are joined. */
const branches =
  (widths: readonly number[]): Fill =>
  (chain) => {
    const { last } = chain;
    const ends = widths.map((out, at) => {
      conv(chain, { out, kernel: at === 0 ? 1 : 3 });
      return chain.last;
    });
    concat(chain, [...ends, last]);
  };

/** A transformer's block without its reshapes: one head over the whole width. */
const attention: Fill = (chain) => {
  layerNorm(chain);
  const { last } = chain;
  const width = last.shape.at(-1) ?? 1;
  transpose(chain, [0, 2, 1]);
  product(chain, last, chain.last);
  elementwise(chain, 'Softmax', { attributes: { axis: -1 } });
  product(chain, chain.last, last);
  matMul(chain, 4 * width);
  elementwise(chain, 'Sigmoid');
  matMul(chain, width);
  elementwise(chain, 'Add', { beside: [last] });
};

/** Elementwise operators, one after the other. */
const simple =
  (...ops: readonly string[]): Fill =>
  (chain) => {
    for (const op of ops) elementwise(chain, op, ['Add', 'Mul'].includes(op) ? { beside: [chain.input] } : {});
  };

const window = (op: string, kernel: number, stride: number, pad = 0): Fill => {
  return (chain) => pool(chain, op, { kernel, stride, pad });
};

/**
 * Segments to time, the telling ones first: a slow machine that runs out of time has the kinds that networks spend most on. Shapes
 * are those of published networks in kind, of none in particular, and every kind comes at several sizes and chain lengths.
 */
export function probes(): readonly ProbeChain[] {
  return [...basicProbes(), ...convolutionProbes(), ...otherProbes()];
}

/** What a plan needs at least: fixed cost, dense, pointwise and depthwise convolutions, products, bytes. */
export function basicProbes(): readonly ProbeChain[] {
  return [
    image('relu-small', [4, 4], simple('Relu')),
    image('dense-32', [32, 28], convs(...times(6, dense(32)))),
    image('dense-128', [128, 14], convs(...times(2, dense(128)))),
    image('dense-256', [256, 7], convs(...times(2, dense(256)))),
    image('dense-64', [64, 56], convs(dense(64))),
    image('point-64', [64, 28], convs(point(128), point(64))),
    image('point-256', [256, 14], convs(point(512), point(128))),
    image('depth-96', [96, 28], convs(depth(96), depth(96))),
    image('depth-32', [32, 112], convs(depth(32, 2), depth(32))),
    filled(new ProbeChain('gemm-1024', [1, 1024]), (chain) => times(2, 1024).forEach((out) => void gemm(chain, out))),
    filled(new ProbeChain('gemm-2048', [1, 2048]), (chain) => gemm(chain, 2048)),
    image('relu-large', [64, 56], simple('Relu', 'Add')),
    image('pool-64', [64, 56], window('MaxPool', 3, 2)),
  ];
}

function convolutionProbes(): readonly ProbeChain[] {
  return [
    image('dense-512', [512, 7], convs(dense(512))),
    image('dense-first', [3, 112], convs(dense(32, 2), dense(32))),
    image('dense-wide', [3, 112], convs({ out: 64, kernel: 7, stride: 2 })),
    image('dense-16', [16, 56], convs(...times(2, dense(16)))),
    image('dense-24', [24, 24], convs(...times(6, dense(24)))),
    image('dense-96', [96, 10], convs(...times(5, dense(96)))),
    image('dense-160', [160, 5], convs(...times(5, dense(160)))),
    image('point-24', [24, 28], convs(...times(6, point(24)))),
    image('point-128', [128, 7], convs(...times(6, point(128)))),
    image('dense-stride', [64, 28], convs(dense(128, 2), dense(256, 2))),
    image('dense-28', [128, 28], convs(dense(128))),
    image('dense-5', [48, 14], convs(dense(96, 1, 5), dense(48, 1, 5))),
    image('dense-rows', [96, 17], convs({ out: 96, kernel: [1, 7] }, { out: 96, kernel: [7, 1] })),
    image('dense-14', [256, 14], convs(dense(256))),
    image('residual-64', [64, 28], residual),
    image('point-16', [16, 56], convs(point(96), { out: 24, kernel: 1, activation: 'none' })),
    image('point-512', [512, 13], convs(point(1000))),
    image('point-960', [160, 7], convs(point(960), point(320))),
    image('point-48', [64, 56], convs(point(16), point(64))),
    image('point-1024', [1024, 7], convs(point(512))),
    image('depth-384', [384, 14], convs(depth(384), depth(384, 2))),
    image('depth-64', [64, 10], convs(...times(6, depth(64)))),
    image('depth-144', [144, 56], convs(depth(144, 2))),
    image('inverted-32', [32, 28], inverted(32, 192, 1)),
    image('inverted-96', [96, 14], inverted(160, 576, 2)),
    image('grouped-64', [64, 28], convs({ out: 64, kernel: 3, groups: 4 }, { out: 64, kernel: 3, groups: 4 })),
    image('branches-64', [64, 28], branches([64, 32, 16])),
    image('branches-192', [192, 14], branches([96, 64])),
  ];
}

function otherProbes(): readonly ProbeChain[] {
  return [
    image('pool-192', [192, 28], window('MaxPool', 3, 1, 1)),
    image('pool-2', [32, 56], window('MaxPool', 2, 2)),
    image('average-192', [192, 17], window('AveragePool', 3, 1, 1)),
    image('average-64', [64, 28], window('AveragePool', 2, 2)),
    image('global-512', [512, 7], (chain) => {
      pool(chain, 'GlobalAveragePool');
      flatten(chain);
      gemm(chain, 1000, true);
      elementwise(chain, 'Softmax', { attributes: { axis: -1 } });
    }),
    image('global-1024', [1024, 14], (chain) => pool(chain, 'GlobalAveragePool')),
    filled(new ProbeChain('attention-96', [1, 196, 96]), attention),
    filled(new ProbeChain('attention-192', [1, 64, 192]), attention),
    filled(new ProbeChain('product-384', [1, 128, 384]), (chain) => matMul(chain, 384)),
    filled(new ProbeChain('norm-192', [1, 196, 192]), (chain) => times(3, 0).forEach(() => void layerNorm(chain))),
    image('sigmoid-64', [64, 28], simple('Sigmoid', 'Mul')),
    image('relu-256', [256, 28], simple('Relu', 'LeakyRelu', 'Tanh')),
    image('add-16', [16, 56], simple('Add', 'Relu', 'Add', 'Mul')),
  ];
}
