import { partitionError } from '../errors.ts';
import type { Constraints, Hop, Problem, ProblemLayer, ProblemTensor, WeightRef } from '../problem.ts';
import { verifyProblem } from './verify-problem.ts';

/** Largest lists that are read; more is refused before anything is built. */
const MAX_LIST = 200_000;

/** Reads one value from JSON, or throws with its place. */
type Reader<Value> = (json: unknown, place: string) => Value;

const text = typed<string>('string', 'a text');
const number = typed<number>('number', 'a number');
const flag = typed<boolean>('boolean', 'true or false');
const numbers = list(number);
const texts = list(text);

const layer = record<ProblemLayer>({
  name: text,
  kind: text,
  flops: number,
  weightBytes: number,
  inputs: texts,
  outputs: texts,
  weights: optional(list(record<WeightRef>({ id: text, bytes: number }))),
  computeMs: numbers,
});

const tensor = record<ProblemTensor>({
  name: text,
  bytes: number,
  isInput: flag,
  isOutput: flag,
  codedBytes: numbers,
});

const constraints = record<Constraints>({
  keepOnDevice: optional(number),
  pin: optional((json, place) => {
    const pins = Object.entries(object(json, place));
    return Object.fromEntries(pins.map(([name, tier]) => [name, text(tier, `${place}['${name}']`)]));
  }),
  memoryBytes: optional(list((json, place) => (json === null ? null : number(json, place)))),
  unavailable: optional(texts),
});

const problem = record<Problem>({
  tiers: texts,
  concurrency: numbers,
  tierFixedMs: numbers,
  layers: list(layer),
  tensors: list(tensor),
  hops: list(record<Hop>({ upBytesPerMs: number, downBytesPerMs: number, delayMs: number })),
  objective: (json, place) => {
    if (json !== 'latency' && json !== 'throughput') fail(place, json, "'latency' or 'throughput'");
    return json as Problem['objective'];
  },
  constraints: (json, place) => constraints(json ?? {}, place),
});

/**
 * Reads a problem from JSON, as `d3 plan --json` prints it: the boundary for `--costs` files and for peers. Unknown keys
 * are dropped; the result is a fresh value that shares nothing with `json`.
 *
 * @throws PARTITION_PROBLEM_INVALID, PARTITION_GRAPH_INVALID, naming the place and the rule
 */
export function parseProblem(json: unknown): Problem {
  const read = problem(json, 'problem');
  verifyProblem(read);
  return read;
}

function typed<Value>(type: string, remedy: string): Reader<Value> {
  return (json, place) => {
    if (typeof json !== type) fail(place, json, remedy);
    return json as Value;
  };
}

function optional<Value>(reader: Reader<Value>): Reader<Value | undefined> {
  return (json, place) => (json === undefined ? undefined : reader(json, place));
}

/** Items are placed by their names where they have some. */
function list<Value>(item: Reader<Value>): Reader<readonly Value[]> {
  return (json, place) => {
    if (!Array.isArray(json) || json.length > MAX_LIST) fail(place, json, `a list of at most ${MAX_LIST}`);
    return (json as readonly unknown[]).map((value, at) => {
      const name = (value as { name?: unknown } | null | undefined)?.name;
      return item(value, `${place}[${typeof name === 'string' ? `'${name}'` : at}]`);
    });
  };
}

function record<Value extends object>(fields: { readonly [Key in keyof Value]-?: Reader<Value[Key]> }): Reader<Value> {
  return (json, place) => {
    const from = object(json, place);
    const entries = Object.entries<Reader<unknown>>(fields).map(([key, read]) => {
      return [key, read(from[key], place === 'problem' ? key : `${place}.${key}`)] as const;
    });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Value;
  };
}

function object(json: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) fail(place, json, 'an object');
  return json as Readonly<Record<string, unknown>>;
}

function fail(place: string, value: unknown, remedy: string): never {
  const shown = Array.isArray(value) ? `a list of ${value.length}` : String(JSON.stringify(value)).slice(0, 80);
  throw partitionError('PARTITION_PROBLEM_INVALID', { rule: 'T0', place, value: shown, remedy });
}
