import type { GraphTensor, Layer, LayerGraph } from '@d3/partition';
import type { Random } from './random.ts';

/** Shapes of graphs: what real networks look like, and worse. */
export const graphFamilies = ['chain', 'tree', 'residual', 'inception', 'dense'] as const;

/** One of {@link graphFamilies}. */
export type GraphFamily = (typeof graphFamilies)[number];

const kinds = ['Conv', 'Relu', 'MaxPool', 'Gemm', 'Add', 'Concat'] as const;

/** Collects layers in topological order; every layer writes one tensor. */
class GraphBuild {
  readonly #random: Random;
  readonly layers: Layer[] = [];
  readonly tensors: GraphTensor[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.tensors.push({ name: 'input', bytes: random.integer(1000, 200_000), isInput: true, isOutput: false });
  }

  /** Adds a layer that reads some tensors, and returns the name of the one it writes. */
  layer(inputs: readonly string[]): string {
    const index = this.layers.length;
    const output = `t${index}`;
    this.layers.push({
      name: `layer${index}`,
      kind: this.#random.pick(kinds),
      flops: Math.round(this.#random.magnitude(1e4, 1e8)),
      weightBytes: this.#random.chance(0.5) ? this.#random.integer(0, 1_000_000) : 0,
      inputs: [...new Set(inputs)],
      outputs: [output],
    });
    const bytes = Math.round(this.#random.magnitude(100, 200_000));
    this.tensors.push({ name: output, bytes, isInput: false, isOutput: false });
    return output;
  }

  /** Marks what nobody reads as network outputs. */
  finish(): LayerGraph {
    const read = new Set(this.layers.flatMap((layer) => layer.inputs));
    const tensors = this.tensors.map((tensor) => ({ ...tensor, isOutput: !read.has(tensor.name) && !tensor.isInput }));
    return { layers: this.layers, tensors };
  }
}

/**
 * A random graph of a family with about `size` layers (never fewer than asked, at most a block more).
 */
export function randomGraph(random: Random, family: GraphFamily, size: number): LayerGraph {
  const build = new GraphBuild(random);
  growers[family](build, random, size);
  return build.finish();
}

type Grow = (build: GraphBuild, random: Random, size: number) => void;

const growers: Readonly<Record<GraphFamily, Grow>> = {
  chain(build, _random, size) {
    let last = 'input';
    while (build.layers.length < size) last = build.layer([last]);
  },

  tree(build, random, size) {
    const tensors = ['input'];
    while (build.layers.length < size) tensors.push(build.layer([random.pick(tensors.slice(-6))]));
  },

  residual(build, random, size) {
    let last = build.layer(['input']);
    while (build.layers.length < size) {
      let inner = last;
      for (let depth = random.integer(1, 4); depth > 0; depth--) inner = build.layer([inner]);
      const shortcut = random.chance(0.3) ? build.layer([last]) : last;
      last = build.layer([inner, shortcut]);
    }
  },

  inception(build, random, size) {
    let last = build.layer(['input']);
    while (build.layers.length < size) {
      const ends: string[] = [];
      for (let branch = random.integer(2, 4); branch > 0; branch--) {
        let inner = last;
        for (let depth = random.integer(1, 4); depth > 0; depth--) inner = build.layer([inner]);
        ends.push(inner);
      }
      if (random.chance(0.3)) {
        const inner = ends.pop() ?? last;
        ends.push(build.layer([inner]), build.layer([inner]));
      }
      last = build.layer(ends);
    }
  },

  dense(build, random, size) {
    const tensors = ['input'];
    while (build.layers.length < size) {
      const inputs = [tensors.at(-1) ?? 'input'];
      for (let more = random.integer(0, 3); more > 0; more--) inputs.push(random.pick(tensors.slice(-12)));
      tensors.push(build.layer(random.chance(0.8) ? inputs : inputs.slice(1).concat(random.pick(tensors))));
    }
  },
};
