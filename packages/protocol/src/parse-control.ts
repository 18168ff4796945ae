import { Type } from 'typebox';
import type { Control, ControlMap, ControlNotices } from './control.ts';
import { protocolError } from './errors.ts';
import { type Checked, schemaCheck } from './schema-check.ts';

/** What a receiver accepts as a control message. */
export interface ControlLimits {
  /** Longest text, in UTF-16 units; checked before it is parsed. 262,144 by default. */
  readonly maxControlLength?: number;
}

const MAX_CONTROL_LENGTH = 1 << 18;
const PROTOCOL = 1;

const STRICT = { additionalProperties: false } as const;
const name = Type.String({ maxLength: 512 });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const uint32 = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
const duration = Type.Number({ minimum: 0 });
const rate = Type.Number({ exclusiveMinimum: 0 });
/** `1e999` is JSON for infinity. */
const term = Type.Number({ minimum: 0, maximum: Number.MAX_VALUE });
const kindTerms = Type.Object(
  { constantMs: term, msPerFlop: term, msPerInputByte: term, msPerOutputByte: term, msPerWeightByte: term },
  STRICT,
);
const tierProfile = Type.Object(
  {
    tier: name,
    backend: name,
    gflops: rate,
    fixedMs: duration,
    handoffMs: Type.Optional(term),
    concurrency: Type.Integer({ minimum: 1, maximum: 1 << 20 }),
    slowdown: Type.Number({ minimum: 1 }),
    terms: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), kindTerms, { maxProperties: 64 })),
    load: Type.Optional(Type.Object({ scale: rate, queueMs: term }, STRICT)),
  },
  STRICT,
);
const linkEstimate = Type.Object({ upBytesPerMs: rate, downBytesPerMs: rate, delayMs: duration }, STRICT);
const error = Type.Object(
  {
    name: Type.Literal('D3Error'),
    code: name,
    message: Type.String(),
    status: Type.Integer({ minimum: 100, maximum: 599 }),
    retryable: Type.Boolean(),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  STRICT,
);
const hello = Type.Object(
  {
    protocol: Type.Literal(PROTOCOL),
    tier: name,
    agent: name,
    token: Type.Optional(Type.String({ maxLength: 8192 })),
    profile: Type.Optional(tierProfile),
    numericClass: name,
  },
  STRICT,
);
const welcome = Type.Object(
  {
    protocol: Type.Literal(PROTOCOL),
    tiers: Type.Array(
      Type.Object(
        { profile: tierProfile, numericClass: name, url: Type.Optional(Type.String({ maxLength: 2048 })) },
        STRICT,
      ),
      { maxItems: 16 },
    ),
    links: Type.Array(linkEstimate, { maxItems: 16 }),
    limits: Type.Object({ maxTensorBytes: count, maxFrameBytes: count, maxInFlight: count }, STRICT),
    models: Type.Record(name, name),
  },
  STRICT,
);
const proposal = Type.Object(
  {
    epoch: uint32,
    model: name,
    tiers: Type.Array(name, { minItems: 1, maxItems: 16 }),
    tierOf: Type.Array(Type.Integer({ minimum: 0, maximum: 15 }), { maxItems: 1 << 16 }),
    objective: Type.Union([Type.Literal('latency'), Type.Literal('throughput')]),
  },
  STRICT,
);
const ready = Type.Object({ epoch: uint32, preparedMs: Type.Record(name, duration) }, STRICT);
const ping = Type.Object(
  {
    sentMs: Type.Number(),
    padding: Type.Optional(Type.String({ maxLength: 1 << 17 })),
    answerBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: 1 << 16 })),
  },
  STRICT,
);
const pong = Type.Object(
  {
    sentMs: Type.Number(),
    receivedMs: Type.Number(),
    padding: Type.Optional(Type.String({ maxLength: 1 << 16 })),
  },
  STRICT,
);
const timed = Type.Object(
  { request: uint32, arrivals: Type.Array(Type.Tuple([duration, count]), { maxItems: 64 }) },
  STRICT,
);

/** Typed by the declared messages, so that the compiler proves that each schema gives what {@link Control} promises. */
const REQUESTS: {
  readonly [T in keyof ControlMap]: {
    readonly body: (value: unknown) => Checked<ControlMap[T][0]>;
    readonly reply: (value: unknown) => Checked<ControlMap[T][1]>;
  };
} = {
  hello: { body: schemaCheck(hello), reply: schemaCheck(welcome) },
  propose: { body: schemaCheck(proposal), reply: schemaCheck(ready) },
  release: {
    body: schemaCheck(Type.Object({ epoch: uint32 }, STRICT)),
    reply: schemaCheck(Type.Record(Type.String(), Type.Never())),
  },
  ping: { body: schemaCheck(ping), reply: schemaCheck(pong) },
};

const NOTICES: { readonly [T in keyof ControlNotices]: (value: unknown) => Checked<ControlNotices[T]> } = {
  cancel: schemaCheck(Type.Object({ request: uint32 }, STRICT)),
  failed: schemaCheck(Type.Object({ request: uint32, error }, STRICT)),
  refused: schemaCheck(Type.Object({ error }, STRICT)),
  status: schemaCheck(
    Type.Object(
      {
        profiles: Type.Array(tierProfile, { maxItems: 16 }),
        links: Type.Array(linkEstimate, { maxItems: 16 }),
        models: Type.Optional(Type.Record(name, name)),
      },
      STRICT,
    ),
  ),
  timed: schemaCheck(timed),
  draining: schemaCheck(Type.Object({ reason: Type.String({ maxLength: 4096 }) }, STRICT)),
};

const checkId = schemaCheck(uint32);
const checkError = schemaCheck(error);

/**
 * Parses one control message. What it returns fits {@link Control} in full; unknown properties are refused.
 *
 * @param text - JSON from the peer, trusted in nothing
 * @throws D3Error `PROTOCOL_LIMIT_EXCEEDED`, `PROTOCOL_CONTROL_MALFORMED`, `PROTOCOL_VERSION_UNSUPPORTED` (a hello or welcome
 * of another protocol)
 */
export function parseControl(text: string, limits: ControlLimits = {}): Control {
  const max = limits.maxControlLength ?? MAX_CONTROL_LENGTH;
  if (text.length > max) {
    const details = { what: 'Length of a control message', actual: text.length, limit: 'maxControlLength', max };
    throw protocolError('PROTOCOL_LIMIT_EXCEEDED', details);
  }
  const message = parseObject(text);
  const { type } = message;
  if (typeof type !== 'string') throw malformed('/type', 'must be a string');
  if (Object.hasOwn(NOTICES, type)) return parseNotice(type as keyof ControlNotices, message);
  if (Object.hasOwn(REQUESTS, type)) return parseRequest(type as keyof ControlMap, message);
  throw malformed('/type', `'${type.slice(0, 64)}' is not a control message`);
}

/** The text of a control message, for the peer's {@link parseControl}. */
export function encodeControl(control: Control): string {
  return JSON.stringify(control);
}

function parseNotice(type: keyof ControlNotices, message: Record<string, unknown>): Control {
  checkKeys(message, ['type', 'notice']);
  return { type, notice: part<unknown>(message, 'notice', NOTICES[type]) } as Control;
}

function parseRequest(type: keyof ControlMap, message: Record<string, unknown>): Control {
  const id = part(message, 'id', checkId);
  const key = (['body', 'reply', 'error'] as const).find((candidate) => Object.hasOwn(message, candidate));
  if (key === undefined) throw malformed('/', "must have one of 'body', 'reply', 'error'");
  checkKeys(message, ['type', 'id', key]);
  if (key === 'error') return { type, id, error: part(message, key, checkError) };
  if (type === 'hello') checkVersion(message[key]);
  return { type, id, [key]: part<unknown>(message, key, REQUESTS[type][key]) } as Control;
}

function checkVersion(hello: unknown): void {
  const version = (hello as { protocol?: unknown } | null)?.protocol;
  if (typeof version === 'number' && version !== PROTOCOL) {
    throw protocolError('PROTOCOL_VERSION_UNSUPPORTED', { actual: version, supported: PROTOCOL });
  }
}

function part<Value>(message: Record<string, unknown>, key: string, check: (value: unknown) => Checked<Value>): Value {
  const checked = check(message[key]);
  if ('value' in checked) return checked.value;
  throw malformed(`/${key}${checked.place === '/' ? '' : checked.place}`, checked.problem);
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed('/', 'is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('/', 'must be an object');
  return value as Record<string, unknown>;
}

function checkKeys(message: Record<string, unknown>, keys: readonly string[]): void {
  const extra = Object.keys(message).find((key) => !keys.includes(key));
  if (extra !== undefined) throw malformed(`/${extra.slice(0, 64)}`, 'is not a known property');
}

function malformed(place: string, problem: string, cause?: unknown): Error {
  return protocolError('PROTOCOL_CONTROL_MALFORMED', { place, problem }, { cause });
}
