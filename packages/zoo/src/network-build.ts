import type { InitializerSpec, NodeSpec } from '@d3/onnx';
import type { GraphTensor, Layer, WeightRef } from '@d3/partition';
import { type Network, type NetworkWeight, WEIGHTS_PATH } from './network.ts';

const FLOAT_BYTES = 4;
const OPSET = 17;

/** A feature map or vector on its way through the network: batch 1. */
export interface Feature {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One number for both spatial axes, or [height, width]. */
export type PerAxis = number | readonly [number, number];

/** A convolution or a pooling window. */
export interface WindowOptions {
  readonly kernel: PerAxis;
  readonly stride?: number;
  /** On each side. */
  readonly pad?: PerAxis;
}

/**
 * Puts a network together node by node, with every shape, FLOP and weight counted on the way. FLOPs: two per
 * multiply-add, one per element and operation otherwise.
 */
export class NetworkBuild {
  readonly #name: string;
  readonly #nodes: NodeSpec[] = [];
  readonly #layers: Layer[] = [];
  readonly #tensors: GraphTensor[] = [];
  readonly #weights: NetworkWeight[] = [];
  #weightBytes = 0;
  readonly #input: Feature;

  constructor(name: string, inputShape: readonly number[]) {
    this.#name = name;
    this.#input = { name: 'input', shape: inputShape };
    this.#tensors.push({ name: 'input', bytes: bytesOf(inputShape), isInput: true, isOutput: false });
  }

  get input(): Feature {
    return this.#input;
  }

  conv(
    x: Feature,
    { out, bias = false, ...window }: WindowOptions & { readonly out: number; readonly bias?: boolean },
  ): Feature {
    const [channels = 1] = x.shape.slice(1);
    const [height, width] = axes(window.kernel);
    const kernel = { role: 'kernel' as const, shape: [out, channels, height, width], fanIn: channels * height * width };
    const shape = [1, out, ...windowedSize(x, window)];
    const flops = (2 * kernel.fanIn + (bias ? 1 : 0)) * elementsOf(shape);
    const weights = bias ? [kernel, { role: 'bias' as const, shape: [out], fanIn: 1 }] : [kernel];
    return this.#node('Conv', [x], { shape, flops, weights, attributes: windowAttributes(window) });
  }

  batchNorm(x: Feature, epsilon = 1e-5): Feature {
    const shape = [x.shape[1] ?? 1];
    const roles = ['scale', 'bias', 'mean', 'variance'] as const;
    const weights = roles.map((role) => ({ role, shape, fanIn: 1 }));
    const attributes = { epsilon: { float: epsilon } };
    return this.#node('BatchNormalization', [x], {
      shape: x.shape,
      flops: 2 * elementsOf(x.shape),
      weights,
      attributes,
    });
  }

  relu(x: Feature): Feature {
    return this.#node('Relu', [x], { shape: x.shape, flops: elementsOf(x.shape) });
  }

  leakyRelu(x: Feature, alpha: number): Feature {
    const attributes = { alpha: { float: alpha } };
    return this.#node('LeakyRelu', [x], { shape: x.shape, flops: elementsOf(x.shape), attributes });
  }

  maxPool(x: Feature, window: WindowOptions): Feature {
    return this.#pool('MaxPool', x, { window, extra: {} });
  }

  /** Padding is not counted in the average. */
  averagePool(x: Feature, window: WindowOptions): Feature {
    return this.#pool('AveragePool', x, { window, extra: { count_include_pad: 0 } });
  }

  globalAveragePool(x: Feature): Feature {
    const shape = [1, x.shape[1] ?? 1, 1, 1];
    return this.#node('GlobalAveragePool', [x], { shape, flops: elementsOf(x.shape) });
  }

  add(a: Feature, b: Feature): Feature {
    return this.#node('Add', [a, b], { shape: a.shape, flops: elementsOf(a.shape) });
  }

  /** Along the channels. */
  concat(parts: readonly Feature[]): Feature {
    const [first] = parts;
    if (first === undefined) throw new RangeError('Nothing to concatenate');
    const channels = parts.reduce((total, part) => total + (part.shape[1] ?? 0), 0);
    return this.#node('Concat', parts, {
      shape: [1, channels, ...first.shape.slice(2)],
      flops: 0,
      attributes: { axis: 1 },
    });
  }

  flatten(x: Feature): Feature {
    return this.#node('Flatten', [x], { shape: [1, elementsOf(x.shape)], flops: 0, attributes: { axis: 1 } });
  }

  /** A fully connected layer with bias. */
  gemm(x: Feature, out: number): Feature {
    const fanIn = elementsOf(x.shape);
    const weights = [
      { role: 'kernel' as const, shape: [out, fanIn], fanIn },
      { role: 'bias' as const, shape: [out], fanIn: 1 },
    ];
    return this.#node('Gemm', [x], {
      shape: [1, out],
      flops: (2 * fanIn + 1) * out,
      weights,
      attributes: { transB: 1 },
    });
  }

  /** The network that ends in these features. */
  finish(outputs: readonly Feature[]): Network {
    const names = new Set(outputs.map(({ name }) => name));
    const trained = this.#weights.filter(({ role }) => role !== 'mean' && role !== 'variance');
    return {
      name: this.#name,
      spec: {
        name: this.#name,
        opset: OPSET,
        nodes: this.#nodes,
        inputs: [{ ...this.#input, type: 'float32' }],
        outputs: outputs.map((output) => ({ ...output, type: 'float32' as const })),
        initializers: this.#weights.map(({ name, type, shape, external }): InitializerSpec => {
          return external === undefined ? { name, type, shape } : { name, type, shape, external };
        }),
      },
      graph: {
        layers: this.#layers,
        tensors: this.#tensors.map((tensor) => ({ ...tensor, isOutput: names.has(tensor.name) })),
      },
      weights: this.#weights,
      parameters: trained.reduce((total, { shape }) => total + elementsOf(shape), 0),
    };
  }

  #pool(
    op: string,
    x: Feature,
    { window, extra }: { window: WindowOptions; extra: NonNullable<NodeSpec['attributes']> },
  ): Feature {
    const [height, width] = axes(window.kernel);
    const shape = [1, x.shape[1] ?? 1, ...windowedSize(x, window)];
    const attributes = { ...windowAttributes(window), ...extra };
    return this.#node(op, [x], { shape, flops: elementsOf(shape) * height * width, attributes });
  }

  #node(op: string, inputs: readonly Feature[], node: NodeParts): Feature {
    const name = `${op}_${this.#nodes.length}`;
    const output = `${name}_out`;
    const weights = (node.weights ?? []).map((weight, index) => this.#weight(`${name}_w${index}`, weight));
    const names = inputs.map((input) => input.name);
    const { attributes } = node;
    this.#nodes.push({
      op,
      name,
      inputs: [...names, ...weights.map(({ id }) => id)],
      outputs: [output],
      ...(attributes === undefined ? {} : { attributes }),
    });
    const weightBytes = weights.reduce((total, { bytes }) => total + bytes, 0);
    this.#layers.push({
      name,
      kind: op,
      flops: node.flops,
      weightBytes,
      inputs: [...new Set(names)],
      outputs: [output],
      weights,
    });
    this.#tensors.push({ name: output, bytes: bytesOf(node.shape), isInput: false, isOutput: false });
    return { name: output, shape: node.shape };
  }

  #weight(name: string, { role, shape, fanIn }: WeightParts): WeightRef {
    const bytes = bytesOf(shape);
    const external = { path: WEIGHTS_PATH, offset: this.#weightBytes, length: bytes };
    this.#weights.push({ name, type: 'float32', shape, role, fanIn, external });
    this.#weightBytes += bytes;
    return { id: name, bytes };
  }
}

type WeightParts = Pick<NetworkWeight, 'role' | 'shape' | 'fanIn'>;

interface NodeParts {
  readonly shape: readonly number[];
  readonly flops: number;
  readonly weights?: readonly WeightParts[];
  readonly attributes?: NonNullable<NodeSpec['attributes']>;
}

function axes(value: PerAxis): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

function windowedSize(x: Feature, { kernel, stride = 1, pad = 0 }: WindowOptions): [number, number] {
  const [height = 1, width = 1] = x.shape.slice(2);
  const [kernelHeight, kernelWidth] = axes(kernel);
  const [padHeight, padWidth] = axes(pad);
  const size = (input: number, window: number, padding: number) =>
    Math.floor((input + 2 * padding - window) / stride) + 1;
  return [size(height, kernelHeight, padHeight), size(width, kernelWidth, padWidth)];
}

function windowAttributes({ kernel, stride = 1, pad = 0 }: WindowOptions): NonNullable<NodeSpec['attributes']> {
  return { kernel_shape: axes(kernel), strides: [stride, stride], pads: [...axes(pad), ...axes(pad)] };
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function bytesOf(shape: readonly number[]): number {
  return FLOAT_BYTES * elementsOf(shape);
}
