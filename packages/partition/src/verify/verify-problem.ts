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
  check('T2', 'concurrency', { values: problem.concurrency, count: tierCount, isPositive: true });
  check('T3', 'tierFixedMs', { values: problem.tierFixedMs, count: tierCount });
  if (problem.hops.length !== tierCount - 1) {
    const remedy = `a list of ${tierCount - 1}, one fewer than tiers`;
    fail('T4', 'hops', { value: `a list of ${problem.hops.length}`, remedy });
  }
  problem.hops.forEach(({ delayMs, upBytesPerMs, downBytesPerMs }, index) => {
    const place = `of hop ${index} ('${problem.tiers[index]}' to '${problem.tiers[index + 1]}')`;
    check('T4', `delayMs ${place}`, { values: [delayMs] });
    check('T4', `upBytesPerMs ${place}`, { values: [upBytesPerMs], isPositive: true });
    check('T4', `downBytesPerMs ${place}`, { values: [downBytesPerMs], isPositive: true });
  });
  for (const { name, computeMs, weightBytes, flops, weights = [] } of problem.layers) {
    check('T5', `computeMs of layer '${name}'`, { values: computeMs, count: tierCount });
    check('T5', `weightBytes of layer '${name}'`, { values: [weightBytes] });
    check('T5', `flops of layer '${name}'`, { values: [flops] });
    for (const { id, bytes } of weights) {
      check('T5', `bytes of weight '${id}' of layer '${name}'`, { values: [bytes] });
    }
  }
  for (const { name, bytes, codedBytes } of problem.tensors) {
    check('T6', `bytes of tensor '${name}'`, { values: [bytes] });
    check('T6', `codedBytes of tensor '${name}'`, { values: codedBytes, count: tierCount - 1 });
  }
  verifyConstraints(problem);
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
    check('P6', 'constraints.memoryBytes', { values, count: problem.tiers.length });
  }
}

function check(
  rule: string,
  place: string,
  { values, count = 1, isPositive = false }: { values: readonly number[]; count?: number; isPositive?: boolean },
): void {
  if (values.length !== count) {
    fail(rule, place, { value: `a list of ${values.length}`, remedy: `a list of ${count} numbers` });
  }
  for (const value of values) {
    if (Number.isFinite(value) && (isPositive ? value > 0 : value >= 0)) continue;
    const remedy = isPositive ? 'more than 0, and finite' : 'a finite number, 0 or more';
    fail(rule, place, { value: String(value), remedy });
  }
}

function fail(rule: string, place: string, { value, remedy }: { value: string; remedy: string }): never {
  throw partitionError('PARTITION_PROBLEM_INVALID', { rule, place, value, remedy });
}
