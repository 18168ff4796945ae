import type { ConnectOptions } from '@d3/client';
import type { Constraints, Objective } from '@d3/partition';
import type { BackendName } from '@d3/runtime';
import { elementError } from './errors.ts';

/** The attributes of `<d3-infer>` that decide a session, as text; `null` where absent. */
export interface ConnectAttributes {
  readonly model: string | null;
  readonly edge: string | null;
  readonly token: string | null;
  readonly objective: string | null;
  readonly keepOnDevice: string | null;
  readonly pin: string | null;
  readonly slowdown: string | null;
  readonly backends: string | null;
  readonly assets: string | null;
}

const OBJECTIVES: readonly Objective[] = ['latency', 'throughput'];
const PIN_FORM = 'write LAYER=TIER pairs with commas between, e.g. conv1=device, fc=cloud';
const BACKENDS: readonly BackendName[] = ['webgpu', 'wasm'];

/**
 * Parses the attributes of `<d3-infer>` into options of `connect()`.
 *
 * @returns `undefined` as long as there is no model
 * @throws D3Error `ELEMENT_ATTRIBUTE`, naming attribute, value and remedy
 */
export function parseConnectAttributes(attributes: ConnectAttributes): ConnectOptions | undefined {
  if (!attributes.model) return undefined;
  const constraints = parseConstraints(attributes);
  return {
    model: attributes.model,
    ...(attributes.edge ? { edge: parseEdge(attributes.edge) } : {}),
    ...(attributes.token ? { token: attributes.token } : {}),
    ...(attributes.objective ? { objective: oneOf('objective', attributes.objective, OBJECTIVES) } : {}),
    ...(constraints ? { constraints } : {}),
    ...(attributes.slowdown ? { slowdown: parseSlowdown(attributes.slowdown) } : {}),
    ...(attributes.backends ? { backends: parseBackends(attributes.backends) } : {}),
    ...(attributes.assets ? { assets: attributes.assets } : {}),
  };
}

function parseConstraints(attributes: ConnectAttributes): Constraints | undefined {
  // An empty constraint is refused, not passed over: what its author meant to keep would leave.
  const keepOnDevice = ifGiven(attributes.keepOnDevice, (value) => parseCount('keep-on-device', value));
  const pin = ifGiven(attributes.pin, parsePins);
  if (keepOnDevice === undefined && pin === undefined) return undefined;
  return { ...(keepOnDevice === undefined ? {} : { keepOnDevice }), ...(pin === undefined ? {} : { pin }) };
}

/** A page's script may set a property to a number, or to `undefined`. */
function ifGiven<T>(value: string | null | undefined, parse: (text: string) => T): T | undefined {
  return value === null || value === undefined ? undefined : parse(String(value));
}

function parseEdge(value: string): string {
  if (/^wss?:\/\/[^\s]+$/.test(value)) return value;
  throw elementError('ELEMENT_ATTRIBUTE', {
    attribute: 'edge',
    value,
    remedy: 'give the ws:// or wss:// address of an edge, e.g. wss://edge.example/d3/link',
  });
}

function parseCount(attribute: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw elementError('ELEMENT_ATTRIBUTE', { attribute, value, remedy: 'give a whole number of layers, 1 or more' });
}

function parseSlowdown(value: string): number {
  const slowdown = Number(value);
  if (slowdown >= 1 && slowdown <= 1000) return slowdown;
  throw elementError('ELEMENT_ATTRIBUTE', { attribute: 'slowdown', value, remedy: 'give a factor from 1 to 1000' });
}

function oneOf<T extends string>(attribute: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw elementError('ELEMENT_ATTRIBUTE', { attribute, value, remedy: `use one of: ${allowed.join(', ')}` });
}

function parseBackends(value: string): readonly BackendName[] {
  return value
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((name) => oneOf('backends', name, BACKENDS));
}

function parsePins(value: string): Readonly<Record<string, string>> {
  const pairs = value
    .split(',')
    .map((pair) => pair.trim())
    .filter(Boolean);
  const refuse = (remedy: string) => elementError('ELEMENT_ATTRIBUTE', { attribute: 'pin', value, remedy });
  const pins = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.lastIndexOf('=');
    const [layer, tier] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 1 || tier === '') throw refuse(PIN_FORM);
    if (pins.has(layer)) throw refuse(`pin layer '${layer}' once`);
    pins.set(layer, tier);
  }
  if (pins.size === 0) throw refuse(PIN_FORM);
  return Object.fromEntries(pins);
}
