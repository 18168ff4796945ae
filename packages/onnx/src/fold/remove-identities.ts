import type { OnnxNode, OnnxTensor } from '../proto/model.ts';
import { hasBody } from './attributes.ts';
import { capturedNames, type OpenGraph, readsOf } from './open-graph.ts';

/**
 * Drops Identity, and Dropout as it is in inference. One stays where its two names must: between a network input (or a constant,
 * or another output) and a network output, and where a control-flow body names its output.
 */
export function removeIdentities(graph: OpenGraph): OpenGraph {
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const captured = new Set(graph.nodes.filter(hasBody).flatMap(capturedNames));
  const madeByNode = new Set(graph.nodes.flatMap((node) => node.outputs));
  const used = new Set([...outputs, ...graph.nodes.flatMap(readsOf)]);
  const renamed = new Map<string, string>();
  const current = (name: string) => renamed.get(name) ?? name;
  const kept: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const from = current(node.inputs[0] ?? '');
    const to = node.outputs[0] ?? '';
    const removable = passesThrough(node, graph.constants, used) && from !== '' && to !== '' && !captured.has(to);
    if (removable && !outputs.has(to)) renamed.set(to, from);
    else if (removable && madeByNode.has(from) && !outputs.has(from) && !captured.has(from)) {
      renamed.set(from, to);
      redirect(kept, from, to);
      for (const [name, target] of renamed) if (target === from) renamed.set(name, to);
    } else kept.push({ ...node, inputs: node.inputs.map(current) });
  }
  return { ...graph, nodes: kept.map((node) => ({ ...node, inputs: node.inputs.map(current) })) };
}

/** The output `from` of an earlier node takes the name `to`, which the network promises. */
function redirect(nodes: OnnxNode[], from: string, to: string): void {
  nodes.forEach((node, index) => {
    const rename = (name: string) => (name === from ? to : name);
    if (![...node.inputs, ...node.outputs].includes(from)) return;
    nodes[index] = { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) };
  });
}

function passesThrough(node: OnnxNode, constants: ReadonlyMap<string, OnnxTensor>, used: ReadonlySet<string>): boolean {
  if (node.domain !== '') return false;
  if (node.op === 'Identity') return true;
  if (node.op !== 'Dropout' || node.outputs.slice(1).some((name) => used.has(name))) return false;
  const training = node.inputs[2] ?? '';
  return training === '' || constants.get(training)?.data?.[0] === 0;
}
