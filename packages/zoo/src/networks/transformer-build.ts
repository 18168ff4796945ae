import { elementsOf, type Feature, type NetworkBuild } from '../network-build.ts';

/** An exponential, an error function, or the like, in floating-point operations. */
const TRANSCENDENTAL = 8;

/** Blocks of a pre-norm transformer, put together from small operators. Features are [1, tokens, width]. */
export class TransformerBuild {
  readonly #net: NetworkBuild;
  readonly #heads: number;
  readonly #gain: number;

  /** @param options - `gain`: factor on the seeded kernels that end a residual branch */
  constructor(net: NetworkBuild, { heads, gain }: { readonly heads: number; readonly gain: number }) {
    this.#net = net;
    this.#heads = heads;
    this.#gain = gain;
  }

  /** x + projection(softmax(q kᵀ ÷ √d) v) of the normalised x. */
  attention(x: Feature): Feature {
    const [, tokens = 1, width = 1] = x.shape;
    const depth = width / this.#heads;
    const projected = this.linear(this.layerNorm(x), { out: 3 * width });
    const split = this.transpose(this.reshape(projected, [1, tokens, 3, this.#heads, depth]), [2, 0, 3, 1, 4]);
    const [q, k, v] = [0, 1, 2].map((index) => this.pick(split, { axis: 0, index })) as [Feature, Feature, Feature];
    const scores = this.#matmul(this.#scaled('Mul', q, 1 / Math.sqrt(depth)), this.transpose(k, [0, 1, 3, 2]));
    const flops = (TRANSCENDENTAL + 4) * elementsOf(scores.shape);
    const shares = this.#net.node('Softmax', [scores], { shape: scores.shape, flops, attributes: { axis: -1 } });
    const heads = this.transpose(this.#matmul(shares, v), [0, 2, 1, 3]);
    const out = this.linear(this.reshape(heads, x.shape), { out: width, gain: this.#gain });
    return this.#net.add(x, out);
  }

  /** x + two dense layers with GELU between them, of the normalised x. */
  mlp(x: Feature, hidden: number): Feature {
    const inner = this.#gelu(this.linear(this.layerNorm(x), { out: hidden }));
    return this.#net.add(x, this.linear(inner, { out: x.shape.at(-1) ?? 1, gain: this.#gain }));
  }

  layerNorm(x: Feature): Feature {
    const shape = [x.shape.at(-1) ?? 1];
    return this.#net.node('LayerNormalization', [x], {
      shape: x.shape,
      flops: 8 * elementsOf(x.shape),
      weights: [
        { role: 'scale', shape },
        { role: 'bias', shape },
      ],
      attributes: { axis: -1, epsilon: { float: 1e-6 } },
    });
  }

  /** x W + b over the last axis. */
  linear(x: Feature, { out, gain = 1 }: { readonly out: number; readonly gain?: number }): Feature {
    const fanIn = x.shape.at(-1) ?? 1;
    const shape = [...x.shape.slice(0, -1), out];
    const product = this.#net.node('MatMul', [x], {
      shape,
      flops: 2 * fanIn * elementsOf(shape),
      weights: [{ role: 'kernel', shape: [fanIn, out], fanIn, gain: Math.SQRT1_2 * gain }],
    });
    return this.plus(product, { role: 'bias', shape: [out] });
  }

  /** x + a weight. */
  plus(x: Feature, weight: { readonly role: 'bias' | 'embedding'; readonly shape: readonly number[] }): Feature {
    return this.#net.node('Add', [x], { shape: x.shape, flops: elementsOf(x.shape), weights: [weight] });
  }

  reshape(x: Feature, shape: readonly number[]): Feature {
    const data = new BigInt64Array(shape.map(BigInt));
    return this.#net.node('Reshape', [x], {
      shape,
      flops: 0,
      constants: [{ type: 'int64', shape: [shape.length], data }],
    });
  }

  transpose(x: Feature, perm: readonly number[]): Feature {
    const shape = perm.map((axis) => x.shape[axis] ?? 1);
    return this.#net.node('Transpose', [x], { shape, flops: 0, attributes: { perm } });
  }

  /** The slice at one index of an axis, which goes. */
  pick(x: Feature, { axis, index }: { readonly axis: number; readonly index: number }): Feature {
    return this.#net.node('Gather', [x], {
      shape: x.shape.filter((_, at) => at !== axis),
      flops: 0,
      constants: [{ type: 'int64', shape: [], data: new BigInt64Array([BigInt(index)]) }],
      attributes: { axis },
    });
  }

  #matmul(a: Feature, b: Feature): Feature {
    const shape = [...a.shape.slice(0, -1), b.shape.at(-1) ?? 1];
    return this.#net.node('MatMul', [a, b], { shape, flops: 2 * (a.shape.at(-1) ?? 1) * elementsOf(shape) });
  }

  /** x · ½ · (1 + erf(x ÷ √2)). */
  #gelu(x: Feature): Feature {
    const flops = TRANSCENDENTAL * elementsOf(x.shape);
    const erf = this.#net.node('Erf', [this.#scaled('Div', x, Math.SQRT2)], { shape: x.shape, flops });
    const gate = this.#scaled('Add', erf, 1);
    const product = this.#net.node('Mul', [x, gate], { shape: x.shape, flops: elementsOf(x.shape) });
    return this.#scaled('Mul', product, 0.5);
  }

  /** An elementwise operator with one number. */
  #scaled(op: 'Mul' | 'Div' | 'Add', x: Feature, value: number): Feature {
    const constant = { type: 'float32', shape: [], data: new Float32Array([value]) } as const;
    return this.#net.node(op, [x], { shape: x.shape, flops: elementsOf(x.shape), constants: [constant] });
  }
}
