import type { OnnxNode, OnnxTensor } from '../proto/model.ts';
import { floatAttribute, intAttribute } from './attributes.ts';
import { floatsOf, floatTensor } from './constant-data.ts';
import { type OpenGraph, readersOf } from './open-graph.ts';

/** A BatchNorm as one factor and one offset per channel, in double precision. */
interface ChannelAffine {
  readonly factor: readonly number[];
  readonly offset: readonly number[];
}

/** The node that a BatchNorm is folded into, with what it reads then. */
interface Folded {
  readonly node: OnnxNode;
  readonly constants: readonly OnnxTensor[];
}

/**
 * Folds every BatchNorm that follows a Conv or Gemm alone into its weights. Factors and offsets are computed in double precision
 * and rounded to float32 once per weight, with operations that IEEE 754 defines exactly: the same bits on every machine.
 */
export function foldBatchNorms(graph: OpenGraph): OpenGraph {
  const readers = readersOf(graph.nodes);
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const constants = new Map(graph.constants);
  const taken = new Set([...constants.keys(), ...makers.keys(), ...graph.inputs.map((input) => input.name)]);
  const replaced = new Map<OnnxNode, OnnxNode | null>();
  for (const norm of graph.nodes) {
    const maker = makers.get(norm.inputs[0] ?? '');
    const alone = readers.get(norm.inputs[0] ?? '')?.length === 1 && !outputs.has(norm.inputs[0] ?? '');
    const affine = channelAffine(norm, constants);
    if (maker === undefined || !alone || affine === undefined) continue;
    const target = replaced.get(maker) ?? maker;
    const folded = maker.domain === '' ? foldInto(target, affine, { constants, taken }) : undefined;
    if (folded === undefined) continue;
    for (const tensor of folded.constants) constants.set(tensor.name, tensor);
    const node = { ...folded.node, outputs: [norm.outputs[0] ?? ''] };
    replaced.set(maker, node).set(norm, null);
    makers.set(norm.outputs[0] ?? '', maker);
  }
  const nodes = graph.nodes.flatMap((node) => {
    const now = replaced.get(node);
    return now === null ? [] : [now ?? node];
  });
  return { ...graph, nodes, constants };
}

function channelAffine(norm: OnnxNode, constants: ReadonlyMap<string, OnnxTensor>): ChannelAffine | undefined {
  if (norm.op !== 'BatchNormalization' || norm.domain !== '') return undefined;
  const training = intAttribute(norm, 'training_mode', 0) !== 0 || intAttribute(norm, 'spatial', 1) !== 1;
  if (training || norm.outputs.slice(1).some((name) => name !== '')) return undefined;
  const [scale, bias, mean, variance] = norm.inputs.slice(1, 5).map((name) => floatsOf(constants.get(name)));
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) return undefined;
  if ([bias, mean, variance].some((values) => values.length !== scale.length)) return undefined;
  const epsilon = floatAttribute(norm, 'epsilon', Math.fround(1e-5));
  const factor = Array.from(scale, (value, channel) => value / Math.sqrt((variance[channel] ?? 0) + epsilon));
  const offset = Array.from(bias, (value, channel) => value - (mean[channel] ?? 0) * (factor[channel] ?? 0));
  return { factor, offset };
}

/** Where constants are found, and which names are not free. */
interface Names {
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  readonly taken: Set<string>;
}

function foldInto(node: OnnxNode, affine: ChannelAffine, names: Names): Folded | undefined {
  const weight = names.constants.get(node.inputs[1] ?? '');
  const values = floatsOf(weight);
  if (weight === undefined || values === undefined) return undefined;
  const axis = outputChannelAxis(node, weight.shape);
  const channels = affine.factor.length;
  if (axis === undefined || weight.shape[axis] !== channels) return undefined;
  const bias = biasOf(node, names.constants, channels);
  if (bias === undefined) return undefined;
  const weightName = freshName(names.taken, `${weight.name}.folded`);
  const biasName = freshName(names.taken, `${weight.name}.bias.folded`);
  const offsets = affine.offset.map((value, channel) => value + (bias[channel] ?? 0) * (affine.factor[channel] ?? 0));
  return {
    node: { ...node, inputs: [node.inputs[0] ?? '', weightName, biasName] },
    constants: [
      floatTensor(weightName, weight.shape, scaleAlong(values, weight.shape, { axis, factor: affine.factor })),
      floatTensor(biasName, [channels], Float32Array.from(offsets)),
    ],
  };
}

/** The axis of the weight that is the output's channel; undefined for operators that BatchNorm is not folded into. */
function outputChannelAxis(node: OnnxNode, weightShape: readonly number[]): number | undefined {
  if (node.op === 'Conv') return 0;
  if (node.op !== 'Gemm' || weightShape.length !== 2) return undefined;
  const plain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
  if (!plain) return undefined;
  return intAttribute(node, 'transB', 0) === 0 ? 1 : 0;
}

/** The bias per channel, zeros if there is none; undefined if it is no constant row. */
function biasOf(
  node: OnnxNode,
  constants: ReadonlyMap<string, OnnxTensor>,
  channels: number,
): ArrayLike<number> | undefined {
  const name = node.inputs[2] ?? '';
  if (name === '') return new Float32Array(channels);
  const tensor = constants.get(name);
  const values = floatsOf(tensor);
  if (tensor === undefined || values === undefined) return undefined;
  if (values.length === 1) return new Float32Array(channels).fill(values[0] ?? 0);
  const isRow = tensor.shape.at(-1) === channels && values.length === channels;
  return isRow ? values : undefined;
}

function scaleAlong(
  values: Float32Array,
  shape: readonly number[],
  along: { readonly axis: number; readonly factor: readonly number[] },
): Float32Array<ArrayBuffer> {
  const inner = shape.slice(along.axis + 1).reduce((product, size) => product * size, 1);
  const channels = along.factor.length;
  const scaled = new Float32Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const channel = Math.floor(index / inner) % channels;
    scaled[index] = (values[index] ?? 0) * (along.factor[channel] ?? 0);
  }
  return scaled;
}

function freshName(taken: Set<string>, wanted: string): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}.${count}`;
  taken.add(name);
  return name;
}
