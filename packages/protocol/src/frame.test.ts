import { isD3Error } from '@d3/errors';
import { byteLength, ELEMENT_TYPES, makeTensor, type Tensor, type TensorMap } from '@d3/tensor';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  BufferPool,
  checkExpected,
  encodeFrame,
  encodeHeader,
  FrameAssembler,
  type FrameEvent,
  type FrameHeader,
  type FrameStart,
  PREFIX_BYTES,
  parseHeader,
  readPrefix,
  relabelMessage,
} from './index.ts';

const limits = { maxTensorBytes: 1 << 24, maxFrameBytes: 1 << 25, maxInFlight: 8 };
const start: FrameStart = { kind: 'request', request: 7, epoch: 3, deadlineMs: 250 };

const elementType = fc.constantFrom(...ELEMENT_TYPES);
/** Tensors of random bytes, about half of them zeros. */
const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(elementType, fc.array(fc.nat(9), { maxLength: 4 }), fc.infiniteStream(fc.nat(511)))
  .map(([type, shape, numbers]) => {
    const bytes = new Uint8Array(byteLength(type, shape));
    for (let at = 0; at < bytes.length; at++) bytes[at] = Math.max(0, Number(numbers.next().value) - 256);
    return { type, shape, bytes };
  });
const tensorMap: fc.Arbitrary<TensorMap> = fc.dictionary(fc.string({ maxLength: 8 }), tensor, { maxKeys: 5 });

function assembler(overrides: Partial<typeof limits> = {}, options = {}): FrameAssembler {
  return new FrameAssembler({ limits: { ...limits, ...overrides }, ...options });
}

/** Copies a message to an odd offset, as `ws` may hand it out. */
function misalign(message: Uint8Array): Uint8Array {
  const copy = new Uint8Array(message.byteLength + 1).subarray(1);
  copy.set(message);
  return copy;
}

function pushAll(target: FrameAssembler, messages: Iterable<Uint8Array>): FrameEvent[] {
  const events: FrameEvent[] = [];
  for (const message of messages) {
    const event = target.push(message);
    if (event !== undefined) events.push(event);
  }
  return events;
}

function codeOf(event: FrameEvent | undefined): string | undefined {
  return event !== undefined && 'rejected' in event ? event.rejected.error.code : undefined;
}

function ramp(count: number, from = 1): Tensor {
  return makeTensor(
    'x',
    'float32',
    [count],
    Float32Array.from({ length: count }, (_, index) => index + from),
  );
}

function wire(header: Partial<FrameHeader>): Uint8Array {
  return encodeHeader({ ...start, tensors: [], ...header });
}

describe('encodeFrame() and FrameAssembler', () => {
  it('F2: what goes in comes out, for every type, shape and codec, misaligned or not', () => {
    fc.assert(
      fc.property(tensorMap, fc.boolean(), fc.boolean(), (tensors, odd, zeros) => {
        const codec = zeros ? 'zeros' : 'raw';
        const codecs = Object.fromEntries(Object.keys(tensors).map((name) => [name, codec] as const));
        const frame = encodeFrame(start, tensors, { codecs });
        const [event, ...rest] = pushAll(assembler(), [...frame].map(odd ? misalign : (message) => message));
        expect(rest).toEqual([]);
        if (event === undefined || 'rejected' in event) throw new Error('No frame came out');
        expect(event.frame.tensors).toEqual(tensors);
        expect(event.frame.header).toEqual(frame.header);
        for (const { bytes } of Object.values(event.frame.tensors)) expect(bytes.byteOffset % 8).toBe(0);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('F3: cuts the payload into messages within the limit, four at least from 16 kB', () => {
    const lengthsOf = (floats: number, maxMessageBytes?: number) => {
      const frame = encodeFrame(start, { x: ramp(floats) }, maxMessageBytes === undefined ? {} : { maxMessageBytes });
      const messages = [...frame];
      expect(messages.length).toBe(frame.messageCount);
      return messages.slice(1).map((message) => message.byteLength - PREFIX_BYTES);
    };
    expect(lengthsOf(4095)).toEqual([16380]);
    expect(lengthsOf(4096)).toEqual([4096, 4096, 4096, 4096]);
    expect(lengthsOf(100_000)).toEqual([...Array(6).fill(65_520), 6880]);
    expect(Math.max(...lengthsOf(100_000, 1024))).toBe(1024 - PREFIX_BYTES);
    expect(() => encodeFrame(start, {}, { maxMessageBytes: 16 })).toThrow(RangeError);
  });

  it('F4: assembles interleaved frames by request and kind', () => {
    const frames = [1, 2, 3].map((request) => [...encodeFrame({ ...start, request }, { x: ramp(9000, request) })]);
    frames.push([...encodeFrame({ kind: 'result', request: 1, epoch: 3 }, { y: ramp(9000, 100) })]);
    const target = assembler();
    const events: FrameEvent[] = [];
    for (let index = 0; index < 5; index++) {
      for (const frame of frames) events.push(...pushAll(target, frame.slice(index, index + 1)));
    }
    expect(target.pending).toBe(0);
    const firsts = events.map((event) => {
      if ('rejected' in event) throw event.rejected.error;
      const { header, tensors } = event.frame;
      return [header.kind, header.request, new Float32Array(Object.values(tensors)[0]?.bytes.buffer ?? [])[0]];
    });
    expect(firsts).toEqual([
      ['request', 1, 1],
      ['request', 2, 2],
      ['request', 3, 3],
      ['result', 1, 100],
    ]);
  });

  it('F5: checks limits, table and expectation before it takes memory', () => {
    const pool = new BufferPool();
    const take = vi.spyOn(pool, 'take');
    const tensorOf = (bytes: number) =>
      ({ name: 'x', type: 'uint8', shape: [bytes], codec: 'raw', codedBytes: bytes }) as const;
    const refuse = () => checkExpected({ ...start, tensors: [] }, [{ name: 'x', type: 'float32', shape: [1, 2] }]);
    const cases: readonly [string, Uint8Array, object?][] = [
      ['PROTOCOL_LIMIT_EXCEEDED', wire({ tensors: [tensorOf(2 ** 24 + 1)] })],
      [
        'PROTOCOL_LIMIT_EXCEEDED',
        wire({ tensors: [{ ...tensorOf(0), shape: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1] }] }),
      ],
      ['PROTOCOL_LIMIT_EXCEEDED', wire({ tensors: ['a', 'b', 'c'].map((name) => ({ ...tensorOf(2 ** 24), name })) })],
      ['PROTOCOL_LIMIT_EXCEEDED', wire({ tensors: Array(257).fill(tensorOf(1)) })],
      ['PROTOCOL_HEADER_MALFORMED', wire({ tensors: [tensorOf(1), tensorOf(1)] })],
      ['PROTOCOL_HEADER_MALFORMED', wire({ tensors: [{ ...tensorOf(8), codedBytes: 7 }] })],
      ['PROTOCOL_HEADER_MALFORMED', wire({ tensors: [{ ...tensorOf(8), codec: 'zeros', codedBytes: 8 }] })],
      ['PROTOCOL_HEADER_MALFORMED', wire({ tensors: [{ ...tensorOf(8), codec: 'zeros', codedBytes: 0 }] })],
      ['PROTOCOL_HEADER_MALFORMED', wire({ tensors: [{ ...tensorOf(8), type: 'int8', codec: 'pixels' }] })],
      ['PROTOCOL_TENSOR_MISMATCH', wire({ tensors: [tensorOf(8)] }), { expect: refuse }],
    ];
    for (const [code, message, options] of cases) {
      expect(codeOf(assembler({}, { pool, ...options }).push(message))).toBe(code);
    }
    expect(take).not.toHaveBeenCalled();
  });

  it('F5: bounds the frames under way', () => {
    const target = assembler({ maxInFlight: 2 });
    const [header] = [...encodeFrame(start, { x: ramp(10) })];
    if (header === undefined) throw new Error('No header');
    const codes = [1, 2, 3].map((request) => {
      relabelMessage(header, { request, epoch: 1 });
      return codeOf(target.push(header));
    });
    expect(codes).toEqual([undefined, undefined, 'PROTOCOL_LIMIT_EXCEEDED']);
    target.drop(1);
    expect(target.push(header)).toBeUndefined();
    expect(target.pending).toBe(2);
  });

  it('F6: a payload that is twice there, out of order, too long or unannounced ruins its own frame only', () => {
    const [head, a, b, c, d] = [...encodeFrame(start, { x: ramp(8000) })] as [Uint8Array, ...Uint8Array[]];
    const ruins: readonly [string, (Uint8Array | undefined)[]][] = [
      ['PROTOCOL_PAYLOAD_ORDER', [head, a, a]],
      ['PROTOCOL_PAYLOAD_ORDER', [head, b]],
      ['PROTOCOL_FRAME_DUPLICATE', [head, a, head]],
      ['PROTOCOL_PAYLOAD_UNANNOUNCED', [a]],
      [
        'PROTOCOL_PAYLOAD_SURPLUS',
        [wire({ tensors: [{ name: 'x', type: 'int8', shape: [3], codec: 'raw', codedBytes: 3 }] }), a],
      ],
    ];
    for (const [code, messages] of ruins) {
      const target = assembler();
      const other = [...encodeFrame({ ...start, request: 8 }, { y: ramp(8000) })];
      pushAll(target, other.slice(0, 3));
      const events = pushAll(
        target,
        messages.filter((message) => message !== undefined),
      );
      expect(events.map(codeOf)).toEqual([code]);
      expect(pushAll(target, [b, c, d] as Uint8Array[])).toEqual([]);
      expect(pushAll(target, other.slice(3)).map(codeOf)).toEqual([undefined]);
      expect(pushAll(target, encodeFrame(start, { x: ramp(8000) })).map(codeOf)).toEqual([undefined]);
      expect(target.pending).toBe(0);
    }
  });

  it('F6: an error names the frame, so that the peer can be told', () => {
    const event = assembler().push(
      wire({ tensors: [{ name: 'x', type: 'int8', shape: [3], codec: 'raw', codedBytes: 4 }] }),
    );
    expect(event).toMatchObject({ rejected: { kind: 'request', request: 7, epoch: 3 } });
    expect(event !== undefined && 'rejected' in event && event.rejected.error.message).toBe(
      'Header of request 7 is malformed at /tensors/0: 4 coded bytes are announced and its shape needs 3. Send what encodeFrame() makes',
    );
  });

  it('F6: an exception of `expect` that is no D3Error is a bug and comes through, and the frame is gone', () => {
    const target = assembler(
      {},
      {
        expect: () => {
          throw new TypeError('bug');
        },
      },
    );
    expect(() => target.push(wire({}))).toThrow(TypeError);
    expect(target.pending).toBe(0);
  });

  it('F7: drop() forgets a frame, passes over the rest of it, and gives its memory back', () => {
    const pool = new BufferPool();
    const target = assembler({}, { pool });
    const messages = [...encodeFrame(start, { x: ramp(8192) })];
    pushAll(target, messages.slice(0, 3));
    target.drop(7);
    target.drop(99);
    expect(pool.keptBytes).toBe(32_768);
    expect(pushAll(target, messages.slice(3))).toEqual([]);
    expect(pushAll(target, messages).map(codeOf)).toEqual([undefined]);
    expect(pool.keptBytes).toBe(0);
  });

  it('F8: times a frame from its header to its last payload message', () => {
    const clock = [10, 11, 20, 30, 45];
    const target = assembler({}, { now: () => clock.shift() ?? Number.NaN });
    const messages = [...encodeFrame(start, { x: ramp(4096) })];
    const [event] = pushAll(target, messages);
    const part = 4096 + PREFIX_BYTES;
    const arrivals = [1, 10, 20, 35].map((ms, index) => ({ ms, bytes: (index + 1) * part }));
    expect(event).toMatchObject({ frame: { timing: { startMs: 10, endMs: 45, bytes: 4 * part, arrivals } } });
  });

  it('F8: notes a long frame in few points, the last among them', () => {
    const target = assembler({}, { now: () => 0 });
    const [event] = pushAll(target, encodeFrame(start, { x: ramp(1 << 20) }, { maxMessageBytes: 4096 }));
    const timing = event !== undefined && 'frame' in event ? event.frame.timing : undefined;
    expect(timing?.arrivals.length).toBeLessThanOrEqual(64);
    expect(timing?.arrivals.at(-1)?.bytes).toBe(timing?.bytes);
    const gaps = timing?.arrivals.map(({ bytes }, index, all) => bytes - (all[index - 1]?.bytes ?? 0)) ?? [];
    expect(Math.max(...gaps)).toBeLessThan((1 << 22) / 8);
  });

  it('F13: drops a frame of which nothing came for long, typed, and only it', () => {
    let nowMs = 0;
    const pool = new BufferPool();
    const target = assembler({}, { now: () => nowMs, pool });
    const [header, first, second] = [...encodeFrame(start, { x: ramp(4096) })];
    const other = [...encodeFrame({ ...start, request: 8 }, { x: ramp(4096) })];
    pushAll(
      target,
      [header, first].filter((message) => message !== undefined),
    );
    nowMs = 50_000;
    pushAll(target, other.slice(0, 2));
    nowMs = 60_000;
    const [stalled, ...more] = target.expire(60_000);
    expect(more).toEqual([]);
    expect(stalled).toMatchObject({ request: 7, error: { code: 'PROTOCOL_FRAME_STALLED', retryable: true } });
    expect(pool.keptBytes).toBeGreaterThan(0);
    expect(second === undefined ? undefined : pushAll(target, [second])).toEqual([]);
    expect(pushAll(target, other.slice(2)).map(codeOf)).toEqual([undefined]);
  });

  it('F9: a relay reads and renumbers messages in place', () => {
    const messages = [...encodeFrame(start, { x: ramp(4096) })];
    for (const message of messages) {
      expect(readPrefix(message)).toMatchObject({ kind: 'request', request: 7, epoch: 3 });
      relabelMessage(message, { request: 4_000_000_000, epoch: 1 });
    }
    const [event] = pushAll(assembler(), messages);
    expect(event).toMatchObject({ frame: { header: { request: 4_000_000_000, epoch: 1, deadlineMs: 250 } } });
  });

  it('F10: a tensor of a reused buffer holds nothing of what was there before', () => {
    const pool = new BufferPool();
    for (const zeros of [false, true]) {
      const stale = pool.take(4000);
      stale.fill(0xaa);
      pool.give(stale);
      const values = Float32Array.from({ length: 1000 }, (_, index) => (index % 3 === 0 ? index : 0));
      const x = makeTensor('x', 'float32', [1000], values);
      const [event] = pushAll(
        assembler({}, { pool }),
        encodeFrame(start, { x }, { codecs: { x: zeros ? 'zeros' : 'raw' } }),
      );
      if (event === undefined || 'rejected' in event) throw new Error('No frame came out');
      expect(event.frame.tensors.x?.bytes).toEqual(x.bytes);
      for (const { bytes } of Object.values(event.frame.tensors)) pool.give(bytes);
    }
  });

  it('F11: sends nothing of a frame whose header does not fit a message', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`tensor ${index}`, ramp(1)]));
    expect(() => encodeFrame(start, many, { maxMessageBytes: 2048 })).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_LIMIT_EXCEEDED' }),
    );
  });

  it('gives staging back when a sender stops in the middle', () => {
    const pool = new BufferPool();
    const x = makeTensor('x', 'float32', [1 << 16], new Float32Array(1 << 16));
    const iterator = encodeFrame(start, { x }, { pool })[Symbol.iterator]();
    iterator.next();
    const payload = iterator.next().value;
    const kept = pool.keptBytes;
    iterator.return?.();
    expect(payload?.byteLength).toBe(PREFIX_BYTES + 8192);
    expect(pool.keptBytes).toBeGreaterThan(kept);
  });
});

describe('checkExpected()', () => {
  const header = (tensors: TensorMap, codecs = {}) => encodeFrame(start, tensors, { codecs }).header;
  const picture: Tensor = { type: 'uint8', shape: [2, 2, 3], bytes: new Uint8Array(12) };
  const expected = [{ name: 'x', type: 'float32', shape: [1, 3, 2, 2], pixelShape: [2, 2, 3] }] as const;

  it('accepts a picture for a network input', () => {
    checkExpected(header({ x: picture }, { x: 'pixels' }), expected);
    checkExpected(header({ x: makeTensor('x', 'float32', [1, 3, 2, 2], new Float32Array(12)) }), expected);
  });

  it('names what is wrong', () => {
    expect(() => checkExpected(header({ x: picture }), expected)).toThrow(
      "Tensor 'x' of request 7 is uint8 [2,2,3] (raw) where float32 [1,3,2,2] is expected",
    );
    expect(() => checkExpected(header({}), expected)).toThrow("Tensor 'x' of request 7 is absent");
    expect(() => checkExpected(header({ y: picture }), [])).toThrow('is uint8 [2,2,3] where no tensor is expected');
  });
});

describe('parseHeader()', () => {
  it('F2: gives back timings and deadline', () => {
    const header: FrameHeader = {
      kind: 'result',
      request: 1,
      epoch: 2,
      tensors: [{ name: 'é', type: 'bool', shape: [], codec: 'raw', codedBytes: 1 }],
      segments: [{ tier: 'edge', backend: 'cpu', layers: [0, 1], computeMs: 1.5, queueMs: 0, slowdown: 1 }],
      hops: [{ hop: 'edge-cloud', bytesUp: 10, bytesDown: 20, ms: 3.25 }],
    };
    expect(parseHeader(encodeHeader(header))).toEqual(header);
  });

  it('F12: names place and problem', () => {
    const json = (text: string) => {
      const message = new Uint8Array(PREFIX_BYTES + text.length);
      message.set(encodeHeader({ ...start, tensors: [] }).subarray(0, PREFIX_BYTES));
      message.set(new TextEncoder().encode(text), PREFIX_BYTES);
      return message;
    };
    const cases: readonly [string, string][] = [
      ['nope', '/: is not JSON'],
      ['{}', '/tensors: must be an array'],
      ['{"tensors":[],"x":1}', '/x: is not a known property'],
      ['{"tensors":[{"name":"x","type":"toString"}]}', "/tensors/0/type: 'toString' is not an element type"],
      ['{"tensors":[{"type":"int8","codec":"zip"}]}', "/tensors/0/codec: 'zip' is not a codec"],
      ['{"tensors":[],"deadlineMs":-1}', '/deadlineMs: must be a number of at least 0'],
      ['{"tensors":[],"deadlineMs":2147483648}', '/deadlineMs: must be a number of at least 0 and at most 2147483647'],
      ['{"tensors":[],"hops":[{"hop":"a","bytesUp":0,"bytesDown":0,"ms":1e999}]}', '/hops/0/ms: must be a number'],
      [
        '{"tensors":[{"name":"x","type":"int8","codec":"raw","shape":[1.5]}]}',
        '/tensors/0/shape/0: must be an integer',
      ],
    ];
    for (const [text, part] of cases) expect(() => parseHeader(json(text))).toThrow(part);
  });
});

describe('readPrefix()', () => {
  it('F1: refuses what is no message of this version', () => {
    const [good] = [...encodeFrame(start, {})];
    if (good === undefined) throw new Error('No message');
    const change = (at: number, value: number) => {
      const message = good.slice();
      message[at] = value;
      return message;
    };
    const codeOfPrefix = (message: Uint8Array) => {
      try {
        readPrefix(message);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return undefined;
    };
    expect([0, 2, 3, 12].map((at) => codeOfPrefix(change(at, 9)))).toEqual(Array(4).fill('PROTOCOL_MESSAGE_MALFORMED'));
    expect(codeOfPrefix(change(1, 9))).toBe('PROTOCOL_VERSION_UNSUPPORTED');
    expect(codeOfPrefix(good.subarray(0, PREFIX_BYTES))).toBe('PROTOCOL_MESSAGE_MALFORMED');
    expect(codeOfPrefix(new Uint8Array())).toBe('PROTOCOL_MESSAGE_MALFORMED');
  });
});

interface Mutation {
  readonly message: number;
  readonly byte: number;
  readonly value: number;
  readonly how: number;
}

/** Truncates, drops, doubles or moves a message, or changes one of its bytes. */
function mutate(messages: Uint8Array<ArrayBuffer>[], { message, byte, value, how }: Mutation): void {
  const index = message % messages.length;
  const target = messages[index];
  if (target === undefined) return;
  if (how === 0) messages.splice(index, 1, target.slice(0, byte % (target.length + 1)));
  else if (how === 1 && messages.length > 1) messages.splice(index, 1);
  else if (how === 2) messages.splice(byte % messages.length, 0, target);
  else target[byte % target.length] = value;
}

describe('hostile frames', () => {
  it('E1: mutated, dropped, doubled and reordered messages give frames or typed errors, and never stop others', () => {
    const mutation = fc.record({ message: fc.nat(), byte: fc.nat(), value: fc.nat(255), how: fc.nat(4) });
    const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(tensorMap, mutations, (tensors, changes) => {
        const codecs = Object.fromEntries(Object.keys(tensors).map((name) => [name, 'zeros'] as const));
        const frame = encodeFrame(start, tensors, { maxMessageBytes: 1024, codecs });
        const messages = [...frame].map((message) => message.slice());
        for (const change of changes) mutate(messages, change);
        const target = assembler({ maxTensorBytes: 1 << 16, maxFrameBytes: 1 << 16 });
        for (const message of messages) {
          try {
            target.push(message);
          } catch (error) {
            expect(isD3Error(error)).toBe(true);
          }
        }
        target.clear();
        expect(pushAll(target, encodeFrame(start, { x: ramp(5) })).map(codeOf)).toEqual([undefined]);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });
});
