import { partitionError } from '../errors.ts';
import type { Constraints, Hop, Problem, ProblemLayer, ProblemTensor, WeightRef } from '../problem.ts';
import { verifyProblem } from './verify-problem.ts';

/** Largest lists that are read; more is refused before anything is built. */
const MAX_LIST = 200_000;

/**
 * Reads a problem from JSON, as `d3 plan --json` prints it: the boundary for `--costs` files and for peers. Unknown keys
 * are dropped; the result is a fresh value that shares nothing with `json`.
 *
 * @throws PARTITION_PROBLEM_INVALID, PARTITION_GRAPH_INVALID, naming the place and the rule
 */
export function parseProblem(json: unknown): Problem {
  const from = record(json, 'problem');
  const objective = from.objective;
  if (objective !== 'latency' && objective !== 'throughput') {
    fail('objective', objective, "'latency' or 'throughput'");
  }
  const problem: Problem = {
    tiers: list(from.tiers, 'tiers').map((tier, at) => text(tier, `tiers[${at}]`)),
    concurrency: numbers(from.concurrency, 'concurrency'),
    tierFixedMs: numbers(from.tierFixedMs, 'tierFixedMs'),
    layers: list(from.layers, 'layers').map(parseLayer),
    tensors: list(from.tensors, 'tensors').map(parseTensor),
    hops: list(from.hops, 'hops').map(parseHop),
    objective,
    constraints: parseConstraints(from.constraints),
  };
  verifyProblem(problem);
  return problem;
}

function parseLayer(json: unknown, at: number): ProblemLayer {
  const from = record(json, `layers[${at}]`);
  const name = text(from.name, `layers[${at}].name`);
  const of = `of layer '${name}'`;
  return {
    name,
    kind: text(from.kind, `kind ${of}`),
    flops: number(from.flops, `flops ${of}`),
    weightBytes: number(from.weightBytes, `weightBytes ${of}`),
    inputs: texts(from.inputs, `inputs ${of}`),
    outputs: texts(from.outputs, `outputs ${of}`),
    ...(from.weights === undefined ? {} : { weights: list(from.weights, `weights ${of}`).map(parseWeight) }),
    computeMs: numbers(from.computeMs, `computeMs ${of}`),
  };
}

function parseWeight(json: unknown, at: number): WeightRef {
  const from = record(json, `weights[${at}]`);
  return { id: text(from.id, `weights[${at}].id`), bytes: number(from.bytes, `weights[${at}].bytes`) };
}

function parseTensor(json: unknown, at: number): ProblemTensor {
  const from = record(json, `tensors[${at}]`);
  const name = text(from.name, `tensors[${at}].name`);
  return {
    name,
    bytes: number(from.bytes, `bytes of tensor '${name}'`),
    isInput: flag(from.isInput, `isInput of tensor '${name}'`),
    isOutput: flag(from.isOutput, `isOutput of tensor '${name}'`),
    codedBytes: numbers(from.codedBytes, `codedBytes of tensor '${name}'`),
  };
}

function parseHop(json: unknown, at: number): Hop {
  const from = record(json, `hops[${at}]`);
  return {
    upBytesPerMs: number(from.upBytesPerMs, `hops[${at}].upBytesPerMs`),
    downBytesPerMs: number(from.downBytesPerMs, `hops[${at}].downBytesPerMs`),
    delayMs: number(from.delayMs, `hops[${at}].delayMs`),
  };
}

function parseConstraints(json: unknown): Constraints {
  if (json === undefined) return {};
  const { keepOnDevice, pin, memoryBytes, unavailable } = record(json, 'constraints');
  return {
    ...(keepOnDevice === undefined ? {} : { keepOnDevice: number(keepOnDevice, 'constraints.keepOnDevice') }),
    ...(pin === undefined ? {} : { pin: parsePins(pin) }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: list(memoryBytes, 'constraints.memoryBytes').map(parseCap) }),
    ...(unavailable === undefined ? {} : { unavailable: texts(unavailable, 'constraints.unavailable') }),
  };
}

function parsePins(json: unknown): Record<string, string> {
  const entries = Object.entries(record(json, 'constraints.pin'));
  return Object.fromEntries(entries.map(([layer, tier]) => [layer, text(tier, `the pin of layer '${layer}'`)]));
}

function parseCap(json: unknown, at: number): number | null {
  return json === null ? null : number(json, `constraints.memoryBytes[${at}]`);
}

function record(json: unknown, place: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) fail(place, json, 'an object');
  return json as Record<string, unknown>;
}

function list(json: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(json) || json.length > MAX_LIST) fail(place, json, `a list of at most ${MAX_LIST}`);
  return json as readonly unknown[];
}

function numbers(json: unknown, place: string): number[] {
  return list(json, place).map((value, at) => number(value, `${place}[${at}]`));
}

function texts(json: unknown, place: string): string[] {
  return list(json, place).map((value, at) => text(value, `${place}[${at}]`));
}

function number(json: unknown, place: string): number {
  if (typeof json !== 'number') fail(place, json, 'a number');
  return json as number;
}

function text(json: unknown, place: string): string {
  if (typeof json !== 'string') fail(place, json, 'a text');
  return json as string;
}

function flag(json: unknown, place: string): boolean {
  if (typeof json !== 'boolean') fail(place, json, 'true or false');
  return json as boolean;
}

function fail(place: string, value: unknown, remedy: string): never {
  const shown = Array.isArray(value) ? `a list of ${value.length}` : String(JSON.stringify(value)).slice(0, 80);
  throw partitionError('PARTITION_PROBLEM_INVALID', { rule: 'T0', place, value: shown, remedy });
}
