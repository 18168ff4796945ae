import { isD3Error } from '@d3/errors';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Control, encodeControl, parseControl } from './index.ts';

const profile = { tier: 'edge', backend: 'cpu', gflops: 12.5, fixedMs: 0.3, concurrency: 2, slowdown: 1 };
const terms = { constantMs: 0.01, msPerFlop: 2e-8, msPerInputByte: 1e-7, msPerOutputByte: 0, msPerWeightByte: 1e-7 };
const loaded = {
  ...profile,
  handoffMs: 0.1,
  terms: { 'Conv/dense': terms, other: terms },
  load: { scale: 1.25, queueMs: 3 },
};
const link = { upBytesPerMs: 2500, downBytesPerMs: 2500, delayMs: 5 };
const error = {
  name: 'D3Error' as const,
  code: 'SERVER_BUSY',
  message: 'Busy',
  status: 503,
  retryable: true,
  details: { inFlight: 8 },
};
const EVERY: readonly Control[] = [
  {
    type: 'hello',
    id: 1,
    body: { protocol: 1, tier: 'device', agent: 'test', numericClass: 'ab', token: 't', profile },
  },
  {
    type: 'hello',
    id: 1,
    reply: {
      protocol: 1,
      tiers: [{ profile, numericClass: 'ab', url: 'wss://edge.example' }],
      links: [link],
      limits: { maxTensorBytes: 1e8, maxFrameBytes: 2e8, maxInFlight: 16 },
      models: { sketch: 'f00d' },
    },
  },
  { type: 'hello', id: 1, error },
  {
    type: 'propose',
    id: 2,
    body: { epoch: 3, model: 'f00d', tiers: ['device', 'edge'], tierOf: [0, 0, 1], objective: 'latency' },
  },
  { type: 'propose', id: 2, reply: { epoch: 3, preparedMs: { edge: 12.5 } } },
  { type: 'release', id: 3, body: { epoch: 3 } },
  { type: 'release', id: 3, reply: {} },
  { type: 'ping', id: 4, body: { sentMs: 17.25 } },
  { type: 'ping', id: 4, body: { sentMs: 17.25, padding: '..', answerBytes: 65_536 } },
  { type: 'ping', id: 4, reply: { sentMs: 17.25, receivedMs: 3.5 } },
  { type: 'ping', id: 4, reply: { sentMs: 17.25, receivedMs: 3.5, padding: '...' } },
  {
    type: 'timed',
    notice: {
      request: 7,
      arrivals: [
        [0.5, 4112],
        [12.25, 16_448],
      ],
    },
  },
  { type: 'cancel', notice: { request: 9 } },
  { type: 'failed', notice: { request: 9, error } },
  { type: 'status', notice: { profiles: [profile, loaded], links: [link] } },
  { type: 'draining', notice: { reason: 'stopping' } },
];

function errorOf(text: string, limits = {}): { code?: string; message?: string } {
  try {
    parseControl(text, limits);
  } catch (thrown) {
    return thrown as { code: string };
  }
  return {};
}

describe('parseControl()', () => {
  it('C1: gives back what encodeControl() was given, for every message', () => {
    for (const control of EVERY) expect(parseControl(encodeControl(control))).toEqual(control);
  });

  it('C2: checks the length before it parses', () => {
    const parse = vi.spyOn(JSON, 'parse');
    expect(errorOf('x'.repeat(101), { maxControlLength: 100 }).message).toBe(
      'Length of a control message is 101 and maxControlLength is 100: send less, or raise maxControlLength at the receiver',
    );
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  it('C3: names the place and the problem', () => {
    const cases: readonly [string, string][] = [
      ['{', 'at /: is not JSON'],
      ['[]', 'at /: must be an object'],
      ['{"type":"toString"}', "at /type: 'toString' is not a control message"],
      ['{"type":7}', 'at /type: must be a string'],
      ['{"type":"ping","id":-1,"body":{"sentMs":1}}', 'at /id: '],
      ['{"type":"ping","id":1,"body":{"sentMs":1,"answerBytes":65537}}', 'at /body/answerBytes: must be <= 65536'],
      ['{"type":"timed","notice":{"request":1,"arrivals":[[1]]}}', 'at /notice/arrivals/0: '],
      ['{"type":"ping","id":1}', "at /: must have one of 'body', 'reply', 'error'"],
      ['{"type":"ping","id":1,"body":{"sentMs":"x"}}', 'at /body/sentMs: must be number'],
      ['{"type":"ping","id":1,"body":{"sentMs":1},"reply":{}}', 'at /reply: is not a known property'],
      ['{"type":"ping","id":1,"body":{"sentMs":1,"x":2}}', 'at /body/x: is not a known property'],
      ['{"type":"cancel","notice":{"request":1.5}}', 'at /notice/request: '],
      ['{"type":"release","id":1,"reply":{"x":1}}', 'at /reply'],
    ];
    for (const [text, part] of cases) {
      const thrown = errorOf(text);
      expect(thrown.code).toBe('PROTOCOL_CONTROL_MALFORMED');
      expect(thrown.message).toContain(part);
    }
  });

  it('C3: refuses terms and loads that are no costs, and more kinds of layer than any runtime has', () => {
    const status = (of: object) =>
      JSON.stringify({ type: 'status', notice: { profiles: [{ ...profile, ...of }], links: [] } });
    const kinds = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`K${index}`, terms]));
    expect(() => parseControl(status({ terms: kinds(64) }))).not.toThrow();
    expect(() => parseControl(status({ terms: kinds(65) }))).toThrow('/notice/profiles/0/terms');
    expect(() => parseControl(status({ terms: { Conv: { ...terms, msPerFlop: -1 } } }))).toThrow('msPerFlop');
    const infinite = status({ terms: { Conv: terms } }).replace('0.01', '1e999');
    expect(() => parseControl(infinite)).toThrow('constantMs');
    expect(() => parseControl(status({ load: { scale: 0, queueMs: 0 } }))).toThrow('/notice/profiles/0/load/scale');
  });

  it('C4: tells another protocol version apart from nonsense', () => {
    const text = '{"type":"hello","id":1,"body":{"protocol":2,"tier":"device"}}';
    expect(errorOf(text).message).toContain('The peer speaks protocol 2 and this side speaks 1');
  });

  it('C5: generates no code, so a strict Content-Security-Policy does not stop it', () => {
    const forbidden = vi.fn(() => {
      throw new EvalError('unsafe-eval');
    });
    vi.stubGlobal('Function', forbidden);
    vi.stubGlobal('eval', forbidden);
    try {
      for (const control of EVERY) parseControl(encodeControl(control));
      expect(errorOf('{"type":"cancel","notice":{}}').code).toBe('PROTOCOL_CONTROL_MALFORMED');
    } finally {
      vi.unstubAllGlobals();
    }
    expect(forbidden).not.toHaveBeenCalled();
  });

  it('E1: a mutated message parses or gives a typed error', () => {
    const seeds = EVERY.map(encodeControl);
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.nat(),
        fc.nat(40),
        fc.string({ maxLength: 12 }),
        (text, at, cut, put) => {
          const start = at % (text.length + 1);
          try {
            parseControl(text.slice(0, start) + put + text.slice(start + cut));
          } catch (thrown) {
            expect(isD3Error(thrown)).toBe(true);
          }
        },
      ),
      { seed: 9, numRuns: 2000 },
    );
  });

  it('E1: any JSON at all parses or gives a typed error', () => {
    const type = fc.constantFrom(
      'hello',
      'propose',
      'release',
      'ping',
      'cancel',
      'failed',
      'status',
      'draining',
      'timed',
    );
    const part = fc.constantFrom('body', 'reply', 'error', 'notice', 'id', '__proto__');
    const message = fc.tuple(type, fc.dictionary(part, fc.jsonValue({ maxDepth: 3 })));
    fc.assert(
      fc.property(message, ([kind, rest]) => {
        try {
          parseControl(JSON.stringify({ id: 1, ...rest, type: kind }));
        } catch (thrown) {
          expect(isD3Error(thrown)).toBe(true);
        }
      }),
      { seed: 9, numRuns: 1000 },
    );
  });
});
