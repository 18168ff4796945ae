/** ONNX's element types by D3's names, with their codes (onnx.proto, TensorProto.DataType) and bits of one element. */
const ELEMENTS = {
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
} as const;

/** Any element type that an ONNX file may hold; a superset of what may cross a hop. */
export type OnnxElementType = keyof typeof ELEMENTS;

const NAMES = new Map<number, OnnxElementType>(
  (Object.keys(ELEMENTS) as OnnxElementType[]).map((name) => [ELEMENTS[name].code, name]),
);

/** The code of an element type in an ONNX file. */
export function elementCode(type: OnnxElementType): number {
  return ELEMENTS[type].code;
}

/** The element type of a code, if ONNX defines one. */
export function elementTypeOf(code: number): OnnxElementType | undefined {
  return NAMES.get(code);
}

/** Whether `name` is an {@link OnnxElementType}; for parsing at a boundary. */
export function isOnnxElementType(name: string): name is OnnxElementType {
  return Object.hasOwn(ELEMENTS, name);
}

/** Whether several elements of a type share a byte, so that a position in bytes says nothing. */
export function isBitPacked(type: OnnxElementType): boolean {
  const { bits } = ELEMENTS[type];
  return bits > 0 && bits < 8;
}

/** Bytes that `count` elements take as raw data; 0 for strings, which have none. */
export function rawByteLength(type: OnnxElementType, count: number): number {
  return Math.ceil((count * ELEMENTS[type].bits) / 8);
}
