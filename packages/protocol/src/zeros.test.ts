import { ELEMENT_TYPES, elementBytes, makeTensor, type Tensor } from '@d3/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseCodec, codeTensor, encodeFrame, FrameAssembler, PREFIX_BYTES } from './index.ts';

const limits = { maxTensorBytes: 1 << 24, maxFrameBytes: 1 << 24, maxInFlight: 4 };

function roundTrip(tensor: Tensor): { tensor: Tensor | undefined; codedBytes: number; codec: string | undefined } {
  const frame = encodeFrame({ kind: 'request', request: 1, epoch: 1 }, { x: tensor }, { codecs: { x: 'zeros' } });
  const target = new FrameAssembler({ limits });
  for (const message of frame) {
    const event = target.push(message);
    if (event === undefined) continue;
    if ('rejected' in event) throw event.rejected.error;
    return { tensor: event.frame.tensors.x, codedBytes: frame.payloadBytes, codec: frame.header.tensors[0]?.codec };
  }
  throw new Error('No frame came out');
}

function sparse(type: Tensor['type'], count: number, isSet: (index: number) => boolean): Tensor {
  const size = elementBytes(type);
  const bytes = new Uint8Array(count * size);
  for (let index = 0; index < count; index++) if (isSet(index)) bytes[(index + 1) * size - 1] = 1 + (index % 200);
  return { type, shape: [count], bytes };
}

describe("codec 'zeros'", () => {
  it('Z1: keeps -0.0, NaN payloads, infinities and denormals bit for bit', () => {
    const words = Uint32Array.of(0x8000_0000, 0x7fc0_0001, 0xffc1_2345, 0x7f80_0000, 1, 0, 0x7fa0_0001, 0);
    const tensor = makeTensor(
      'x',
      'float32',
      [40],
      Uint32Array.from({ length: 40 }, (_, at) => words[at] ?? 0),
    );
    expect(roundTrip(tensor)).toEqual({ tensor, codec: 'zeros', codedBytes: 5 + 6 * 4 });
    const halves = Uint16Array.from({ length: 40 }, (_, at) => [0x8000, 0x7e01, 0, 1][at] ?? 0);
    const half = makeTensor('x', 'float16', [40], halves);
    expect(roundTrip(half)).toEqual({ tensor: half, codec: 'zeros', codedBytes: 5 + 3 * 2 });
    const wide = makeTensor('x', 'int64', [9], BigInt64Array.of(0n, 1n << 32n, 0n, -1n, 0n, 1n, 0n, 0n, 0n));
    expect(roundTrip(wide)).toEqual({ tensor: wide, codec: 'zeros', codedBytes: 2 + 3 * 8 });
  });

  it('Z2: any pattern of any type and length comes back, and is never longer than raw', () => {
    const type = fc.constantFrom(...ELEMENT_TYPES);
    fc.assert(
      fc.property(
        type,
        fc.nat(300),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
        (kind, count, pattern) => {
          const tensor = sparse(kind, count, (index) => pattern[index % pattern.length] === true);
          const { codedBytes, ...back } = roundTrip(tensor);
          expect(back.tensor).toEqual(tensor);
          expect(codedBytes).toBeLessThanOrEqual(tensor.bytes.byteLength);
          expect(back.codec).toBe(codedBytes < tensor.bytes.byteLength ? 'zeros' : 'raw');
        },
      ),
      { seed: 3, numRuns: 1000 },
    );
  });

  it('codes misaligned memory', () => {
    const bytes = new Uint8Array(4001).subarray(1);
    bytes[7] = 9;
    expect(roundTrip({ type: 'float32', shape: [1000], bytes }).tensor?.bytes).toEqual(bytes.slice());
  });

  it('Z3: refuses a bitmap that does not fit the values, and bits beyond the last element', () => {
    const tensor = sparse('float32', 20, (index) => index < 2);
    const broken = (byte: number, value: number) => {
      const frame = encodeFrame({ kind: 'request', request: 1, epoch: 1 }, { x: tensor }, { codecs: { x: 'zeros' } });
      const [header, payload] = [...frame];
      if (header === undefined || payload === undefined) throw new Error('No messages');
      payload[PREFIX_BYTES + byte] = value;
      const target = new FrameAssembler({ limits });
      target.push(header);
      const event = target.push(payload);
      return event !== undefined && 'rejected' in event ? event.rejected.error.message : undefined;
    };
    expect(broken(0, 0b111)).toContain('its bitmap marks 3 elements and 2 follow');
    expect(broken(0, 0b1)).toContain('its bitmap marks 1 elements and 2 follow');
    expect(broken(2, 0b1_0000)).toContain('bits beyond the last element are set');
  });
});

describe('chooseCodec()', () => {
  const withZeros = (share: number) => sparse('float32', 10_000, (index) => (index * 7919) % 100 >= share * 100);

  it('takes zeros where they save more than a tenth', () => {
    expect([0, 0.05, 0.3, 0.9, 1].map((share) => chooseCodec(withZeros(share)))).toEqual([
      'raw',
      'raw',
      'zeros',
      'zeros',
      'zeros',
    ]);
  });

  it('leaves small tensors alone', () => expect(chooseCodec(sparse('float32', 100, () => false))).toBe('raw'));

  it('is not misled by a channel that is all zeros', () => {
    const striped = sparse('float32', 64 * 64 * 64, (index) => index % 64 !== 0);
    expect(chooseCodec(striped)).toBe('raw');
  });
});

describe('codeTensor()', () => {
  it('copies nothing of a raw tensor or a picture', () => {
    const tensor = sparse('uint8', 50, () => true);
    expect(codeTensor(tensor, 'raw').parts).toEqual([tensor.bytes]);
    expect(codeTensor(tensor, 'pixels').parts[0]?.buffer).toBe(tensor.bytes.buffer);
    expect(codeTensor(tensor, 'zeros').codec).toBe('raw');
  });
});
