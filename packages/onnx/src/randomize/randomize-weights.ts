import { onnxError } from '../errors.ts';
import { intAttribute, tensorAttribute } from '../fold/attributes.ts';
import { countOf, floatsOf, floatTensor, intsOf } from '../fold/constant-data.ts';
import type { Bytes, OnnxGraph, OnnxNode, OnnxTensor } from '../proto/model.ts';
import { type ReadOptions, readModel } from '../proto/read-model.ts';
import { writeModel } from '../proto/write-model.ts';
import { heValues } from './he-values.ts';

const MAX_FILE_BYTES = 2 ** 31 - 1;

/** A weight to fill: which dimensions it has, how many values are summed with it, and what its values lie around. */
interface Target {
  readonly shape: readonly number[];
  readonly fanIn: number;
  readonly mean: number;
}

/** A factor of each channel lies around 1, with a quarter of it as standard deviation: a signal does not die. */
const GAIN = { fanIn: 32, mean: 1 } as const;
/** Where two branches are added, smaller ones: sums over many blocks do not explode. */
const BRANCH_GAIN = { fanIn: 512, mean: 0.25 } as const;

/**
 * Gives the constant-filled weights of a model seeded He values, in a new file: for graphs that are published without real weights
 * (filled by ConstantOfShape or with one value), whose output would be the same whatever goes in. Weights of Conv, ConvTranspose, Gemm
 * and MatMul change, and the channels' factors that would let a signal die on its way: scale and variance of BatchNormalization and
 * vectors of Mul. A model without constant-filled ones comes back with the same values.
 *
 * @param seed - any 32-bit integer; equal seeds give equal bytes on every machine
 * @throws D3Error as `readModel`, and `ONNX_TOO_LARGE` when the weights do not fit a file
 */
export function randomizeWeights(bytes: Bytes, seed: number, options: ReadOptions = {}): Bytes {
  const model = readModel(bytes, options);
  const targets = findTargets(model.graph);
  const total = [...targets.values()].reduce((sum, target) => sum + 4 * countOf(target.shape), bytes.byteLength);
  if (total > MAX_FILE_BYTES) {
    throw onnxError('ONNX_TOO_LARGE', { limit: MAX_FILE_BYTES, bytes: total, what: 'the model with random weights' });
  }
  const filled = [...targets].map(([name, { shape, fanIn, mean }], index) => {
    const values = heValues(countOf(shape), fanIn, Math.imul(seed, 0x9e3779b1) + Math.imul(index, 0x85ebca6b));
    return floatTensor(name, shape, mean === 0 ? values : values.map((value) => value + mean));
  });
  const initializers = model.graph.initializers.filter((tensor) => !targets.has(tensor.name));
  const nodes = model.graph.nodes.filter((node) => !targets.has(node.outputs[0] ?? ''));
  return writeModel({ ...model, graph: { ...model.graph, nodes, initializers: [...initializers, ...filled] } });
}

/** What the search for targets looks things up in, and what it has found. */
interface Search {
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly makers: ReadonlyMap<string, OnnxNode>;
  /** Tensors that are added to another one. */
  readonly added: ReadonlySet<string>;
  readonly targets: Map<string, Target>;
}

function findTargets(graph: OnnxGraph): ReadonlyMap<string, Target> {
  const initializers = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0] ?? '', node]));
  const search: Search = { initializers, makers, added: addedBranches(graph, makers), targets: new Map() };
  for (const node of graph.nodes) {
    addWeights(node, search);
    addGains(node, search);
  }
  return search.targets;
}

function addWeights(node: OnnxNode, { makers, initializers, targets }: Search): void {
  for (const name of weightInputs(node)) {
    const shape = constantFilledShape(name, makers, initializers);
    if (shape !== undefined && shape.length >= 2) targets.set(name, { shape, fanIn: fanInOf(node, shape), mean: 0 });
  }
}

function addGains(node: OnnxNode, search: Search): void {
  const { makers, added, targets } = search;
  for (const name of gainInputs(node, makers)) {
    const shape = gainShape(node, name, search);
    if (shape === undefined || countOf(shape) < 2 || targets.has(name)) continue;
    // A variance, the fifth input, divides: it stays around 1.
    const inBranch = added.has(node.outputs[0] ?? '') && name !== node.inputs[4];
    targets.set(name, { shape, ...(inBranch ? BRANCH_GAIN : GAIN) });
  }
}

/** Also of a factor that is not constant, where it is a statistic of weights that are no more: it would make a signal explode. */
function gainShape(node: OnnxNode, name: string, search: Search): readonly number[] | undefined {
  const { initializers, makers, targets } = search;
  const filled = constantFilledShape(name, makers, initializers);
  if (filled !== undefined) return filled;
  const stale = weightInputs(makers.get(node.inputs[0] ?? '') ?? node).some((weight) => targets.has(weight));
  return stale ? initializers.get(name)?.shape : undefined;
}

function weightInputs(node: OnnxNode): readonly string[] {
  if (node.domain !== '') return [];
  if (node.op === 'MatMul') return node.inputs;
  return ['Conv', 'ConvTranspose', 'Gemm'].includes(node.op) ? node.inputs.slice(1, 2) : [];
}

/** Factors of channels: of a BatchNormalization, or of a Mul, there also behind the Unsqueeze that gives them their place. */
function gainInputs(node: OnnxNode, makers: ReadonlyMap<string, OnnxNode>): readonly string[] {
  if (node.domain !== '') return [];
  if (node.op === 'BatchNormalization') return [node.inputs[1] ?? '', node.inputs[4] ?? ''];
  return node.op === 'Mul' ? node.inputs.map((name) => behindUnsqueeze(name, makers)) : [];
}

function behindUnsqueeze(name: string, makers: ReadonlyMap<string, OnnxNode>): string {
  const maker = makers.get(name);
  return maker?.op === 'Unsqueeze' ? (maker.inputs[0] ?? '') : name;
}

/** Tensors that are added to another one, not to a constant. */
function addedBranches(graph: OnnxGraph, makers: ReadonlyMap<string, OnnxNode>): ReadonlySet<string> {
  const constants = new Set(graph.initializers.map((tensor) => tensor.name));
  const isConstant = (name: string) => {
    const source = behindUnsqueeze(name, makers);
    return constants.has(source) || makers.get(source)?.op === 'ConstantOfShape';
  };
  const sums = graph.nodes.filter((node) => node.op === 'Add' || node.op === 'Sum');
  return new Set(sums.filter((node) => !node.inputs.some(isConstant)).flatMap((node) => node.inputs));
}

function fanInOf(node: OnnxNode, shape: readonly number[]): number {
  if (node.op === 'Conv') return countOf(shape.slice(1));
  if (node.op === 'ConvTranspose') return countOf(shape) / (shape[1] ?? 1);
  const transposed = node.op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0;
  return shape.at(transposed ? -1 : -2) ?? 1;
}

/** The shape of a float constant that holds one value throughout; undefined for anything else. */
function constantFilledShape(
  name: string,
  makers: ReadonlyMap<string, OnnxNode>,
  initializers: ReadonlyMap<string, OnnxTensor>,
): readonly number[] | undefined {
  const tensor = initializers.get(name);
  const values = floatsOf(tensor);
  if (tensor !== undefined && values !== undefined) {
    return values.length > 1 && values.every((value) => value === values[0]) ? tensor.shape : undefined;
  }
  const maker = makers.get(name);
  if (maker?.op !== 'ConstantOfShape' || (tensorAttribute(maker, 'value')?.type ?? 'float32') !== 'float32')
    return undefined;
  return intsOf(initializers.get(maker.inputs[0] ?? ''));
}
