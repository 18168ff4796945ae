import { type AttributeSpec, buildModel, type InitializerSpec, type NodeSpec } from '@d3/onnx';
import { BOUNDARY, type LayerCost, layerCost, type Spatial } from '@d3/profile';
import { byteLength, elementCount, makeTensor, type TensorMap } from '@d3/tensor';
import type { SegmentSpec } from '../backend.ts';
import { seededFloats } from '../seeded-floats.ts';

/** A value between the layers of a chain. */
export interface ChainValue {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One layer to add: its nodes in order, the first reading `inputs`, each further one what the one before wrote. */
export interface ChainLayer {
  readonly kind: string;
  readonly nodes: readonly ChainNode[];
  readonly inputs: readonly ChainValue[];
  readonly shape: readonly number[];
  readonly flops: number;
  readonly spatial?: Spatial;
}

/** One operator of a layer. */
export interface ChainNode {
  readonly op: string;
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly weights?: readonly (readonly number[])[];
  /** Further values that it reads beside the one before it. */
  readonly also?: readonly ChainValue[];
}

const FLOAT_BYTES = 4;
/** Weights repeat one seeded block: what a product takes does not depend on its numbers, as long as they stay normal. */
const BLOCK = seededFloats(7, 4093, 0.04);
const WEIGHTS_PATH = 'weights';

/** A segment that D3 makes to time it, with the costs of its layers as a packed model would state them. */
export class ProbeChain {
  readonly id: string;
  readonly input: ChainValue;
  readonly layers: LayerCost[] = [];
  readonly #nodes: NodeSpec[] = [];
  readonly #weights: ChainValue[] = [];
  #last: ChainValue;

  constructor(id: string, shape: readonly number[]) {
    this.id = id;
    this.input = { name: 'x', shape };
    this.#last = this.input;
  }

  /** What the latest layer wrote. */
  get last(): ChainValue {
    return this.#last;
  }

  /** Appends a layer. */
  add(layer: ChainLayer): this {
    const place = this.layers.length;
    const weightsBefore = this.#weights.length;
    let values = layer.inputs.map(({ name }) => name);
    layer.nodes.forEach((node, at) => {
      const weights = (node.weights ?? []).map((shape, index) => this.#weight(`w${place}_${at}_${index}`, shape));
      const inputs = [...values, ...weights, ...(node.also ?? []).map(({ name }) => name)];
      const output = `t${place}_${at}`;
      this.#nodes.push({
        op: node.op,
        inputs,
        outputs: [output],
        ...(node.attributes && { attributes: node.attributes }),
      });
      values = [output];
    });
    const read = [...layer.inputs, ...layer.nodes.flatMap(({ also = [] }) => also)];
    const weightBytes = bytesOf(this.#weights.slice(weightsBefore));
    this.#last = { name: values[0] ?? '', shape: layer.shape };
    const { kind, flops, spatial } = layer;
    const bytes = { inputBytes: bytesOf(read), outputBytes: bytesOf([this.#last]), weightBytes };
    this.layers.push(layerCost({ kind, flops, ...bytes, ...(spatial && { spatial }) }));
    return this;
  }

  /** What its time depends on, as `segmentCosts` of `@d3/profile` gives it for a model's segment. */
  get costs(): readonly LayerCost[] {
    const [inputBytes, outputBytes] = [bytesOf([this.input]), bytesOf([this.#last])];
    return [...this.layers, { kind: BOUNDARY, flops: 0, inputBytes, outputBytes, weightBytes: 0 }];
  }

  /** The chain as a segment to prepare, its weights inside. */
  segment(): SegmentSpec {
    const values = (list: readonly ChainValue[]) => list.map((value) => ({ ...value, type: 'float32' as const }));
    const boundary = (list: readonly ChainValue[], isInput: boolean) =>
      list.map(({ name, shape }) => {
        return {
          name,
          type: 'float32' as const,
          shape,
          bytes: bytesOf([{ name, shape }]),
          isInput,
          isOutput: !isInput,
        };
      });
    const bytes = buildModel({
      opset: 17,
      nodes: this.#nodes,
      inputs: values([this.input]),
      outputs: values([this.#last]),
      initializers: this.#initializers(),
    });
    const weights = new Uint8Array(tiled(bytesOf(this.#weights) / FLOAT_BYTES, 1).buffer);
    const model = { bytes, inputs: boundary([this.input], true), outputs: boundary([this.#last], false), weights: [] };
    return {
      id: `calibration-${this.id}`,
      model,
      level: 'extended',
      // Beside the model, as packed models have them: inside, they would be copied three times on the caller's thread.
      weights: { kind: 'blobs', blobs: new Map(weights.byteLength === 0 ? [] : [[WEIGHTS_PATH, weights]]) },
    };
  }

  /** A seeded input. */
  inputs(): TensorMap {
    const { name, shape } = this.input;
    return { [name]: makeTensor(name, 'float32', shape, tiled(elementCount(shape), 25)) };
  }

  #initializers(): InitializerSpec[] {
    let offset = 0;
    return this.#weights.map(({ name, shape }) => {
      const length = byteLength('float32', shape);
      const external = { path: WEIGHTS_PATH, offset, length };
      offset += length;
      return { name, type: 'float32', shape, external };
    });
  }

  #weight(name: string, shape: readonly number[]): string {
    this.#weights.push({ name, shape });
    return name;
  }
}

function bytesOf(values: readonly ChainValue[]): number {
  return values.reduce((sum, { shape }) => sum + byteLength('float32', shape), 0);
}

function tiled(count: number, scale: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  const block = BLOCK.map((value) => value * scale);
  const first = Math.min(count, block.length);
  values.set(block.subarray(0, first));
  for (let filled = first; filled < count; filled *= 2) {
    values.copyWithin(filled, 0, Math.min(filled, count - filled));
  }
  return values;
}

/** Elements of a value, of 4 bytes each. */
export function elementsOf({ shape }: ChainValue): number {
  return byteLength('float32', shape) / FLOAT_BYTES;
}
