import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Bytes } from './model.ts';

/** Reads one occurrence of a field. */
export type FieldReader = (reader: BinaryReader, wire: WireType) => void;

/**
 * Reads a protobuf message field by field, in the order of the bytes; fields without a reader are skipped.
 *
 * @throws RangeError or Error of the wire reader when the bytes are no such message
 */
export function readMessage(bytes: Bytes, fields: Readonly<Record<number, FieldReader>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const read = fields[field];
    if (read === undefined) reader.skip(wire, field);
    else read(reader, wire);
  }
}

function expectWire(actual: WireType, expected: WireType): void {
  if (actual !== expected) throw new RangeError(`wire type ${actual} where ${expected} belongs`);
}

/** Gives a byte field as a view of the message. */
export function onBytes(use: (value: Bytes) => void): FieldReader {
  return (reader, wire) => {
    expectWire(wire, WireType.LengthDelimited);
    use(reader.bytes() as Bytes);
  };
}

/** Gives a text field; bytes that are no UTF-8 are an error. */
export function onString(use: (value: string) => void): FieldReader {
  return (reader, wire) => {
    expectWire(wire, WireType.LengthDelimited);
    use(reader.string(true));
  };
}

/** Gives an integer field exactly. */
export function onInt(use: (value: bigint) => void): FieldReader {
  return (reader, wire) => {
    expectWire(wire, WireType.Varint);
    use(BigInt(reader.int64()));
  };
}

/** Gives an integer field as a number; one past 2⁵³ is an error. */
export function onNumber(use: (value: number) => void): FieldReader {
  return onInt((value) => use(toNumber(value)));
}

/** Gives a float field. */
export function onFloat(use: (value: number) => void): FieldReader {
  return (reader, wire) => {
    expectWire(wire, WireType.Bit32);
    use(reader.float());
  };
}

/** Gives each value of a repeated integer field, packed or not. */
export function onInts(use: (value: bigint) => void): FieldReader {
  return (reader, wire) => {
    if (wire === WireType.Varint) {
      use(BigInt(reader.int64()));
      return;
    }
    expectWire(wire, WireType.LengthDelimited);
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len) use(BigInt(packed.int64()));
  };
}

/** Gives the raw little-endian bytes of a repeated fixed-width field: one view if packed, one per value otherwise. */
export function onFixed(width: 4 | 8, use: (bytes: Bytes) => void): FieldReader {
  return (reader, wire) => {
    if (wire === WireType.LengthDelimited) {
      use(reader.bytes() as Bytes);
      return;
    }
    expectWire(wire, width === 4 ? WireType.Bit32 : WireType.Bit64);
    const value = new DataView(new ArrayBuffer(width));
    if (width === 4) value.setUint32(0, reader.fixed32(), true);
    else value.setBigUint64(0, BigInt(reader.fixed64()), true);
    use(new Uint8Array(value.buffer));
  };
}

/** A number of exactly this value. */
export function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`integer ${value} is out of range`);
  return number;
}
