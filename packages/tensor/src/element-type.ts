/** The element types that D3 carries between tiers, by size in bytes. Others are refused when a model is packed. */
const ELEMENT_BYTES = {
  float32: 4,
  float16: 2,
  int8: 1,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
} as const;

/** An element type that may cross a hop. */
export type ElementType = keyof typeof ELEMENT_BYTES;

/** Every {@link ElementType}, in the order of their codes on the wire. */
export const ELEMENT_TYPES: readonly ElementType[] = Object.keys(ELEMENT_BYTES) as ElementType[];

/** Bytes of one element. */
export function elementBytes(type: ElementType): number {
  return ELEMENT_BYTES[type];
}

/** Whether `name` is an {@link ElementType}; for parsing at a boundary. */
export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}
