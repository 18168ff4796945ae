import { intAttribute, intsAttribute, stringAttribute } from '../fold/attributes.ts';
import type { SpatialGeometry } from '../manifest.ts';
import type { OnnxNode } from '../proto/model.ts';
import { type GraphIndex, shapeOf } from './graph-index.ts';

const SPATIAL: readonly string[] = ['Conv', 'MaxPool', 'AveragePool', 'LpPool'];

/** The geometry of a convolution or pool over two axes; undefined for any other operator. */
export function spatialGeometry(index: GraphIndex, node: OnnxNode): SpatialGeometry | undefined {
  if (node.domain !== '' || !SPATIAL.includes(node.op)) return undefined;
  const input = shapeOf(index, node.inputs[0]);
  const output = shapeOf(index, node.outputs[0]);
  const kernel = pair(intsAttribute(node, 'kernel_shape') ?? shapeOf(index, node.inputs[1])?.slice(2));
  if (input?.length !== 4 || output?.length !== 4 || kernel === undefined) return undefined;
  const stride = pair(intsAttribute(node, 'strides')) ?? [1, 1];
  const dilation = pair(intsAttribute(node, 'dilations')) ?? [1, 1];
  const axes = [0, 1] as const;
  const needed = axes.map((axis) => {
    const reach = ((output[axis + 2] ?? 1) - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return Math.max(0, reach - (input[axis + 2] ?? 1));
  });
  return { kernel, stride, pads: padsOf(node, needed), dilation, groups: intAttribute(node, 'group', 1) };
}

function pair(values: readonly number[] | undefined): readonly [number, number] | undefined {
  const [first, second] = values ?? [];
  return values?.length === 2 && first !== undefined && second !== undefined ? [first, second] : undefined;
}

function padsOf(node: OnnxNode, needed: readonly number[]): readonly [number, number, number, number] {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  const [height = 0, width = 0] = needed;
  const small = [Math.floor(height / 2), Math.floor(width / 2)] as const;
  const large = [height - small[0], width - small[1]] as const;
  if (mode === 'SAME_UPPER') return [...small, ...large];
  if (mode === 'SAME_LOWER') return [...large, ...small];
  const [top = 0, left = 0, bottom = 0, right = 0] = mode === 'VALID' ? [] : (intsAttribute(node, 'pads') ?? []);
  return [top, left, bottom, right];
}
