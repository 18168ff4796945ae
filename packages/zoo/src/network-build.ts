import type { InitializerSpec, NodeSpec } from '@d3/onnx';
import type { GraphTensor, Layer, WeightRef } from '@d3/partition';
import type { Network, NetworkWeight } from './network.ts';

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
  /** Below and to the right only, beside `pad`. */
  readonly padEnd?: number;
}

/** What a convolution is beside its window. */
export interface ConvOptions extends WindowOptions {
  readonly out: number;
  readonly bias?: boolean;
  /** 1 unless said; as many as channels: depthwise. */
  readonly groups?: number;
  /** Factor on the seeded kernel, 1 unless said: less than 1 where no ReLU follows that halves what comes out. */
  readonly gain?: number;
}

/** Batch norm. */
export interface BatchNormOptions {
  readonly epsilon?: number;
  /** Factor on the seeded scale, 1 unless said: less than 1 at the end of a residual branch. */
  readonly gain?: number;
}

/** Who a network is. */
export interface NetworkTitle {
  readonly name: string;
  readonly inputShape: readonly number[];
  /** Where it was published, and which variant this is. */
  readonly source: string;
}

/**
 * Puts a network together node by node, with every shape, FLOP and weight counted on the way. FLOPs: two per
 * multiply-add, one per element and operation otherwise.
 */
export class NetworkBuild {
  readonly #title: NetworkTitle;
  readonly #nodes: NodeSpec[] = [];
  readonly #layers: Layer[] = [];
  readonly #tensors: GraphTensor[] = [];
  readonly #weights: NetworkWeight[] = [];
  readonly #constants: InitializerSpec[] = [];
  #weightBytes = 0;
  readonly #input: Feature;

  constructor(title: NetworkTitle) {
    const { inputShape } = title;
    this.#title = title;
    this.#input = { name: 'input', shape: inputShape };
    this.#tensors.push({ name: 'input', bytes: bytesOf(inputShape), isInput: true, isOutput: false });
  }

  get input(): Feature {
    return this.#input;
  }

  conv(x: Feature, { out, bias = false, groups = 1, gain = 1, ...window }: ConvOptions): Feature {
    const channels = (x.shape[1] ?? 1) / groups;
    const [height, width] = axes(window.kernel);
    const fanIn = channels * height * width;
    const kernel = { role: 'kernel' as const, shape: [out, channels, height, width], fanIn, gain };
    const shape = [1, out, ...windowedSize(x, window)];
    const flops = (2 * fanIn + (bias ? 1 : 0)) * elementsOf(shape);
    const weights = bias ? [kernel, { role: 'bias' as const, shape: [out] }] : [kernel];
    const attributes = { ...windowAttributes(window), ...(groups === 1 ? {} : { group: groups }) };
    return this.node('Conv', [x], { shape, flops, weights, attributes });
  }

  batchNorm(x: Feature, { epsilon = 1e-5, gain = 1 }: BatchNormOptions = {}): Feature {
    const shape = [x.shape[1] ?? 1];
    const roles = ['scale', 'bias', 'mean', 'variance'] as const;
    const weights = roles.map((role) => ({ role, shape, gain: role === 'scale' ? gain : 1 }));
    const attributes = { epsilon: { float: epsilon } };
    return this.node('BatchNormalization', [x], {
      shape: x.shape,
      flops: 2 * elementsOf(x.shape),
      weights,
      attributes,
    });
  }

  relu(x: Feature): Feature {
    return this.node('Relu', [x], { shape: x.shape, flops: elementsOf(x.shape) });
  }

  /** ReLU6. */
  relu6(x: Feature): Feature {
    return this.node('Clip', [x], {
      shape: x.shape,
      flops: elementsOf(x.shape),
      constants: [new Float32Array([0]), new Float32Array([6])].map((data) => ({ type: 'float32', shape: [], data })),
    });
  }

  leakyRelu(x: Feature, alpha: number): Feature {
    const attributes = { alpha: { float: alpha } };
    return this.node('LeakyRelu', [x], { shape: x.shape, flops: elementsOf(x.shape), attributes });
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
    return this.node('GlobalAveragePool', [x], { shape, flops: elementsOf(x.shape) });
  }

  add(a: Feature, b: Feature): Feature {
    return this.node('Add', [a, b], { shape: a.shape, flops: elementsOf(a.shape) });
  }

  /** Along the channels. */
  concat(parts: readonly Feature[]): Feature {
    const [first] = parts;
    if (first === undefined) throw new RangeError('Nothing to concatenate');
    const channels = parts.reduce((total, part) => total + (part.shape[1] ?? 0), 0);
    return this.node('Concat', parts, {
      shape: [1, channels, ...first.shape.slice(2)],
      flops: 0,
      attributes: { axis: 1 },
    });
  }

  /** Twice as high and wide, every element four times. */
  upsample(x: Feature): Feature {
    const [, channels = 1, height = 1, width = 1] = x.shape;
    return this.node('Resize', [x], {
      shape: [1, channels, 2 * height, 2 * width],
      flops: 0,
      constants: [null, { type: 'float32', shape: [4], data: new Float32Array([1, 1, 2, 2]) }],
      attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
    });
  }

  flatten(x: Feature): Feature {
    return this.node('Flatten', [x], { shape: [1, elementsOf(x.shape)], flops: 0, attributes: { axis: 1 } });
  }

  /** A fully connected layer with bias. */
  gemm(x: Feature, out: number): Feature {
    const fanIn = elementsOf(x.shape);
    const weights = [
      { role: 'kernel' as const, shape: [out, fanIn], fanIn },
      { role: 'bias' as const, shape: [out] },
    ];
    return this.node('Gemm', [x], {
      shape: [1, out],
      flops: (2 * fanIn + 1) * out,
      weights,
      attributes: { transB: 1 },
    });
  }

  /** The network that ends in these features. */
  finish(outputs: readonly Feature[]): Network {
    const names = new Set(outputs.map(({ name }) => name));
    const { name, source } = this.#title;
    const trained = this.#weights.filter(({ role }) => role !== 'mean' && role !== 'variance');
    return {
      name,
      source,
      weightsPath: this.#weightsPath,
      spec: {
        name,
        opset: OPSET,
        nodes: this.#nodes,
        inputs: [{ ...this.#input, type: 'float32' }],
        outputs: outputs.map((output) => ({ ...output, type: 'float32' as const })),
        initializers: [
          ...this.#constants,
          ...this.#weights.map(({ name, type, shape, external }) => ({ name, type, shape, external })),
        ],
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
    return this.node(op, [x], { shape, flops: elementsOf(shape) * height * width, attributes });
  }

  /** Adds an operator: it reads these features, then its weights, then its constants. */
  node(op: string, inputs: readonly Feature[], node: NodeParts): Feature {
    const name = `${op}_${this.#nodes.length}`;
    const output = `${name}_out`;
    const weights = (node.weights ?? []).map((weight, index) => this.#weight(`${name}_w${index}`, weight));
    const constants = (node.constants ?? []).map((constant, index) => this.#constant(`${name}_c${index}`, constant));
    const names = inputs.map((input) => input.name);
    const weightNames = weights.map(({ id }) => id);
    const { attributes } = node;
    this.#nodes.push({
      op,
      name,
      inputs: node.weightsFirst ? [...weightNames, ...names] : [...names, ...weightNames, ...constants],
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

  get #weightsPath(): string {
    return `${this.#title.name}.weights`;
  }

  #weight(name: string, { role, shape, fanIn = 1, gain = 1 }: WeightParts): WeightRef {
    const bytes = bytesOf(shape);
    const external = { path: this.#weightsPath, offset: this.#weightBytes, length: bytes };
    this.#weights.push({ name, type: 'float32', shape, role, fanIn, gain, external });
    this.#weightBytes += bytes;
    return { id: name, bytes };
  }

  /** An optional input that is left out has an empty name. */
  #constant(name: string, constant: Constant | null): string {
    if (constant === null) return '';
    this.#constants.push({ name, ...constant });
    return name;
  }
}

type WeightParts = Pick<NetworkWeight, 'role' | 'shape'> & Partial<Pick<NetworkWeight, 'fanIn' | 'gain'>>;
type Constant = Required<Pick<InitializerSpec, 'type' | 'shape' | 'data'>>;

/** What an operator makes and what belongs to it. */
export interface NodeParts {
  readonly shape: readonly number[];
  readonly flops: number;
  readonly weights?: readonly WeightParts[];
  /** Small inputs that are part of the graph; null leaves an optional one out. */
  readonly constants?: readonly (Constant | null)[];
  /** Whether the weights come before the features. */
  readonly weightsFirst?: boolean;
  readonly attributes?: NonNullable<NodeSpec['attributes']>;
}

function axes(value: PerAxis): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

function windowedSize(x: Feature, { kernel, stride = 1, pad = 0, padEnd = 0 }: WindowOptions): [number, number] {
  const [height = 1, width = 1] = x.shape.slice(2);
  const [kernelHeight, kernelWidth] = axes(kernel);
  const [padHeight, padWidth] = axes(pad);
  const size = (input: number, window: number, padding: number) =>
    Math.floor((input + 2 * padding + padEnd - window) / stride) + 1;
  return [size(height, kernelHeight, padHeight), size(width, kernelWidth, padWidth)];
}

function windowAttributes(window: WindowOptions): NonNullable<NodeSpec['attributes']> {
  const { kernel, stride = 1, pad = 0, padEnd = 0 } = window;
  const pads = [...axes(pad), ...axes(pad).map((size) => size + padEnd)];
  return { kernel_shape: axes(kernel), strides: [stride, stride], pads };
}

/** Elements of a tensor of this shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function bytesOf(shape: readonly number[]): number {
  return FLOAT_BYTES * elementsOf(shape);
}
