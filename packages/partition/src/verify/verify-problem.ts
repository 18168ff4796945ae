import { partitionError } from '../errors.ts';
import type { Problem } from '../problem.ts';
import { verifyGraph } from './verify-graph.ts';

/** More tiers than this are refused: planning looks at every set of them. */
export const MAX_TIERS = 8;

/**
 * Checks a problem that is already of the right type: its graph, its cost tables and its constraints (SPEC.md, sections 1
 * and 2).
 *
 * @throws PARTITION_GRAPH_INVALID, PARTITION_PROBLEM_INVALID, naming the layer, tensor, tier or hop
 */
export function verifyProblem(problem: Problem): void {
  verifyGraph(problem);
  const tierCount = problem.tiers.length;
  if (tierCount < 2 || tierCount > MAX_TIERS) {
    fail('T1', 'tiers', { value: `a list of ${tierCount}`, remedy: `2 to ${MAX_TIERS} names` });
  }
  if (new Set(problem.tiers).size !== tierCount) {
    fail('T1', 'tiers', { value: JSON.stringify(problem.tiers), remedy: 'names that differ' });
  }
  checkNumbers('T2', 'concurrency', { values: problem.concurrency, count: tierCount, above: 0 });
  checkNumbers('T3', 'tierFixedMs', { values: problem.tierFixedMs, count: tierCount });
  verifyHops(problem);
  for (const layer of problem.layers) {
    checkNumbers('T5', `computeMs of layer '${layer.name}'`, { values: layer.computeMs, count: tierCount });
    checkNumber('T5', `weightBytes of layer '${layer.name}'`, layer.weightBytes);
    checkNumber('T5', `flops of layer '${layer.name}'`, layer.flops);
    for (const weight of layer.weights ?? []) {
      checkNumber('T5', `bytes of weight '${weight.id}' of layer '${layer.name}'`, weight.bytes);
    }
  }
  for (const tensor of problem.tensors) {
    checkNumber('T6', `bytes of tensor '${tensor.name}'`, tensor.bytes);
    const values = tensor.codedBytes;
    checkNumbers('T6', `codedBytes of tensor '${tensor.name}'`, { values, count: tierCount - 1 });
  }
  verifyConstraints(problem);
}

function verifyHops(problem: Problem): void {
  const count = problem.tiers.length - 1;
  if (problem.hops.length !== count) {
    fail('T4', 'hops', {
      value: `a list of ${problem.hops.length}`,
      remedy: `a list of ${count}, one fewer than tiers`,
    });
  }
  problem.hops.forEach((hop, index) => {
    const place = `of hop ${index} ('${problem.tiers[index]}' to '${problem.tiers[index + 1]}')`;
    checkNumber('T4', `delayMs ${place}`, hop.delayMs);
    checkNumbers('T4', `upBytesPerMs ${place}`, { values: [hop.upBytesPerMs], count: 1, above: 0 });
    checkNumbers('T4', `downBytesPerMs ${place}`, { values: [hop.downBytesPerMs], count: 1, above: 0 });
  });
}

function verifyConstraints(problem: Problem): void {
  const { keepOnDevice, pin = {}, memoryBytes, unavailable = [] } = problem.constraints;
  if (keepOnDevice !== undefined && !(Number.isInteger(keepOnDevice) && keepOnDevice >= 1)) {
    const remedy = 'a whole number, 1 or more; leave it out to keep nothing';
    fail('P3', 'constraints.keepOnDevice', { value: String(keepOnDevice), remedy });
  }
  const names = new Set(problem.layers.map((layer) => layer.name));
  const tiers = problem.tiers.join(', ');
  for (const [layer, tier] of Object.entries(pin)) {
    if (!names.has(layer)) fail('P4', 'constraints.pin', { value: `'${layer}'`, remedy: 'the name of a layer' });
    if (!problem.tiers.includes(tier))
      fail('P4', `the pin of layer '${layer}'`, { value: `'${tier}'`, remedy: `one of ${tiers}` });
  }
  for (const tier of unavailable) {
    if (!problem.tiers.includes(tier))
      fail('P5', 'constraints.unavailable', { value: `'${tier}'`, remedy: `among ${tiers}` });
  }
  if (memoryBytes !== undefined) {
    const values = memoryBytes.map((bytes) => bytes ?? 0);
    checkNumbers('P6', 'constraints.memoryBytes', { values, count: problem.tiers.length });
  }
}

function checkNumbers(
  rule: string,
  place: string,
  { values, count, above }: { values: readonly number[]; count: number; above?: number },
): void {
  if (values.length !== count)
    fail(rule, place, { value: `a list of ${values.length}`, remedy: `a list of ${count} numbers` });
  for (const value of values) {
    if (above !== undefined && !(value > above))
      fail(rule, place, { value: String(value), remedy: `more than ${above}` });
    checkNumber(rule, place, value);
  }
}

function checkNumber(rule: string, place: string, value: number): void {
  if (!Number.isFinite(value) || value < 0)
    fail(rule, place, { value: String(value), remedy: 'a finite number, 0 or more' });
}

function fail(rule: string, place: string, { value, remedy }: { value: string; remedy: string }): never {
  throw partitionError('PARTITION_PROBLEM_INVALID', { rule, place, value, remedy });
}
