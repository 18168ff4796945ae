import type { Constraints, Objective } from '@d3/partition';
import { clientError } from '../errors.ts';
import type { Goal } from './plan-session.ts';

const OBJECTIVES: readonly Objective[] = ['latency', 'throughput'];
const CONSTRAINTS = ['keepOnDevice', 'pin', 'memoryBytes', 'unavailable'] as const;

/**
 * Reads what a caller asks a session to aim at; options that are absent or `undefined` are left out. Strict, since a constraint
 * that is misspelt, misplaced or of no effect would let go what its caller means to keep. Names of layers and tiers are checked
 * when a plan is made.
 *
 * @throws D3Error `CLIENT_OPTION_INVALID`
 */
export function parseGoal(given: object): Partial<Goal> {
  const { objective, constraints, ...rest } = given as Readonly<Record<string, unknown>>;
  const misplaced = CONSTRAINTS.find((name) => rest[name] !== undefined);
  if (misplaced !== undefined) throw invalid(misplaced, rest[misplaced], 'put it into the option constraints');
  const goal = OBJECTIVES.find((known) => known === objective);
  if (objective !== undefined && goal === undefined) throw invalid('objective', objective, `use ${either(OBJECTIVES)}`);
  return {
    ...(goal !== undefined && { objective: goal }),
    ...(constraints !== undefined && { constraints: parseConstraints(constraints) }),
  };
}

function parseConstraints(value: unknown): Constraints {
  if (!isRecord(value)) throw invalid('constraints', value, `give an object with ${either(CONSTRAINTS)}`);
  const unknown = Object.keys(value).find((key) => !CONSTRAINTS.some((name) => name === key));
  if (unknown !== undefined) {
    throw invalid(`constraints.${unknown}`, value[unknown], `the constraints are ${CONSTRAINTS.join(', ')}`);
  }
  const { keepOnDevice, pin, memoryBytes, unavailable } = value;
  const refuse = (name: string, found: unknown, remedy: string) => invalid(`constraints.${name}`, found, remedy);
  if (keepOnDevice !== undefined && !(Number.isSafeInteger(keepOnDevice) && Number(keepOnDevice) >= 1)) {
    throw refuse('keepOnDevice', keepOnDevice, 'give a whole number of layers, 1 or more, or leave it out');
  }
  if (pin !== undefined && !(isRecord(pin) && Object.values(pin).every((tier) => typeof tier === 'string'))) {
    throw refuse('pin', pin, 'give an object {layer: tier}');
  }
  if (memoryBytes !== undefined && !isListOf(memoryBytes, isCap)) {
    throw refuse('memoryBytes', memoryBytes, 'give a list with a number of bytes, or null for no cap, for each tier');
  }
  if (unavailable !== undefined && !isListOf(unavailable, (tier) => typeof tier === 'string')) {
    throw refuse('unavailable', unavailable, 'give a list of tiers');
  }
  return Object.fromEntries(Object.entries(value).filter(([, found]) => found !== undefined)) as Constraints;
}

function isCap(value: unknown): boolean {
  return value === null || (typeof value === 'number' && Number.isFinite(value) && value >= 0);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, fits: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(fits);
}

function either(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function invalid(option: string, value: unknown, remedy: string): Error {
  return clientError('CLIENT_OPTION_INVALID', { option, value: JSON.stringify(value) ?? String(value), remedy });
}
