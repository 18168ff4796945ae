import type { OnnxAttributeValues, OnnxNode, OnnxTensor } from '../proto/model.ts';

const TEXT = new TextDecoder();

function find<Kind extends keyof OnnxAttributeValues>(
  node: OnnxNode,
  name: string,
  kind: Kind,
): OnnxAttributeValues[Kind] | undefined {
  const found = node.attributes.find((attribute) => attribute.name === name && attribute.kind === kind);
  return found?.value as OnnxAttributeValues[Kind] | undefined;
}

/** As a number; beyond what one holds exactly ("to the end", in slices) the largest that it does. */
function clamped(value: bigint): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : Math.sign(number) * Number.MAX_SAFE_INTEGER;
}

/** An integer attribute, or `fallback`. */
export function intAttribute(node: OnnxNode, name: string, fallback: number): number {
  const value = find(node, name, 'int');
  return value === undefined ? fallback : clamped(value);
}

/** An integer-list attribute, if the node has it. */
export function intsAttribute(node: OnnxNode, name: string): readonly number[] | undefined {
  return find(node, name, 'ints')?.map(clamped);
}

/** A float attribute, or `fallback`. */
export function floatAttribute(node: OnnxNode, name: string, fallback: number): number {
  return find(node, name, 'float') ?? fallback;
}

/** A text attribute, or `fallback`. */
export function stringAttribute(node: OnnxNode, name: string, fallback: string): string {
  const value = find(node, name, 'string');
  return value === undefined ? fallback : TEXT.decode(value);
}

/** A tensor attribute, if the node has it. */
export function tensorAttribute(node: OnnxNode, name: string): OnnxTensor | undefined {
  return find(node, name, 'tensor');
}

/** Whether the node has bodies: If, Loop, Scan. */
export function hasBody(node: OnnxNode): boolean {
  return node.attributes.some((attribute) => attribute.kind === 'graph' || attribute.kind === 'graphs');
}
