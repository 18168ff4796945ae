import type { OptimizationLevel } from '../manifest.ts';
import type { OnnxNode } from '../proto/model.ts';
import { type GraphIndex, nodeOfKind } from './graph-index.ts';
import { QUANTISED } from './operator-kinds.ts';

/** Operators whose neighbourhoods the runtime rewrites at `extended` in more ways than layers are grouped by. */
const REWRITTEN: readonly string[] = [
  ...QUANTISED,
  'Attention',
  'Erf',
  'Gelu',
  'LayerNormalization',
  'RMSNormalization',
  'RotaryEmbedding',
];

/**
 * How far the runtime may fuse this model. `extended` where all that it fuses there lies inside layers; `basic` for transformers
 * (attention, skip-LayerNorm and biased GELU are fused across many operators), quantised models and operators of other
 * domains.
 */
export function chooseLevel(index: GraphIndex): OptimizationLevel {
  const crossing = index.graph.nodes.some(
    (node, at) => isRewritten(node) || isNormalisation(index, at) || isAttention(index, at),
  );
  return crossing ? 'basic' : 'extended';
}

function isRewritten(node: OnnxNode): boolean {
  return node.domain !== '' || REWRITTEN.includes(node.op);
}

/** A square root that something is divided by: LayerNorm written as small operators, whatever its exact form. */
function isNormalisation(index: GraphIndex, at: number): boolean {
  const root = nodeOfKind(index, at, ['Sqrt']);
  if (root === undefined) return false;
  const readers = index.readers.get(root.outputs[0] ?? '') ?? [];
  return readers.some((reader) => nodeOfKind(index, reader, ['Div', 'Reciprocal']) !== undefined);
}

/** Softmax whose result is multiplied as a matrix. */
function isAttention(index: GraphIndex, at: number): boolean {
  const softmax = nodeOfKind(index, at, ['Softmax']);
  if (softmax === undefined) return false;
  const readers = index.readers.get(softmax.outputs[0] ?? '') ?? [];
  return readers.some((reader) => nodeOfKind(index, reader, ['MatMul', 'Einsum', 'Dropout', 'Cast']) !== undefined);
}
