import type { OnnxNode } from '../proto/model.ts';
import { type Fence, type FencedGraph, fenceTensor, freeName, indexFenced } from './fence-tensor.ts';
import { type GraphIndex, nodeAt, nodeOfKind } from './graph-index.ts';

/** Reductions whose result depends on the order of their additions. */
const REDUCTIONS: readonly string[] = [
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMean',
  'ReduceProd',
  'ReduceSum',
  'ReduceSumSquare',
];

/** Operators that the runtime moves a Transpose through on its way to a reduction. */
const TRANSPARENT: readonly string[] = [
  'Abs',
  'Add',
  'Cast',
  'Clip',
  'Div',
  'Elu',
  'Exp',
  'HardSigmoid',
  'LeakyRelu',
  'Mul',
  'Neg',
  'Pow',
  'Relu',
  'Sigmoid',
  'Sqrt',
  'Sub',
  'Tanh',
];

const MAX_STEPS = 16;

/**
 * Fences the input of every reduction that lies behind a Transpose. The runtime may move the Transpose behind the reduction, which
 * then adds in another order; whether it does depends on how much of the graph it sees, so on the cut.
 */
export function fenceReductions(index: GraphIndex): FencedGraph {
  const fences: Fence[] = [];
  const joined: string[][] = [];
  const nodes = index.graph.nodes.flatMap((node, at): readonly OnnxNode[] => {
    const [input = ''] = node.inputs;
    if (!nodeOfKind(index, at, REDUCTIONS) || !isTransposed(index, at, MAX_STEPS)) return [node];
    const fenced = freeName(index, `${node.outputs[0] ?? ''}.fenced`);
    const fence = fenceTensor(index, input, fenced, index.types.get(input));
    if (fence === undefined) return [node];
    fences.push(fence);
    joined.push([...fence.nodes.flatMap((part) => part.outputs), ...node.outputs]);
    return [...fence.nodes, { ...node, inputs: [fenced, ...node.inputs.slice(1)] }];
  });
  return fences.length === 0 ? { index, joined: [] } : { index: indexFenced(index, nodes, fences), joined };
}

/** Whether a Transpose reaches a node through operators that it may be moved through. */
function isTransposed(index: GraphIndex, at: number, steps: number): boolean {
  return nodeAt(index, at).inputs.some((name) => {
    const maker = index.makers.get(name);
    if (maker === undefined || index.constantNodes.has(maker)) return false;
    if (nodeOfKind(index, maker, ['Transpose'])) return true;
    return steps > 0 && nodeOfKind(index, maker, TRANSPARENT) !== undefined && isTransposed(index, maker, steps - 1);
  });
}
