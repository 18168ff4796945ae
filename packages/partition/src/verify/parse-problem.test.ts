import { isD3Error } from '@d3/errors';
import { Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { parseProblem, verifyPlan } from '../index.ts';
import type { Problem } from '../problem.ts';

const random = new Random(1);
const good: Problem = randomProblem(random, randomGraph(random, 'residual', 6), { tierCount: 3 });
const copy = () => JSON.parse(JSON.stringify(good));

const fault = (run: () => unknown): { code: string; message: string } => {
  try {
    run();
  } catch (error) {
    if (isD3Error(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
};

/** A change to the JSON of a good problem, and what the error must say: rule and place. */
// biome-ignore lint/suspicious/noExplicitAny: it is JSON to be broken
type Break = (json: any) => unknown;
const broken: readonly (readonly [string, Break, RegExp])[] = [
  ['T0', (json) => delete json.hops, /T0: hops is undefined/],
  ['T0', (json) => (json.layers[1].computeMs = 'fast'), /T0: layers\['layer1'\]\.computeMs/],
  ['T0', (json) => (json.objective = 'price'), /objective is "price"/],
  ['T1', (json) => (json.tiers[1] = 'device'), /T1: tiers/],
  ['T2', (json) => (json.concurrency[0] = 0), /T2: concurrency is 0, but must be more than 0/],
  ['T3', (json) => json.tierFixedMs.pop(), /T3: tierFixedMs is a list of 2/],
  ['T4', (json) => (json.hops[1].upBytesPerMs = -1), /T4: upBytesPerMs of hop 1 \('edge' to 'cloud'\) is -1/],
  ['T5', (json) => (json.layers[2].computeMs[1] = -3), /T5: computeMs of layer 'layer2' is -3/],
  ['T6', (json) => json.tensors[0].codedBytes.push(1), /T6: codedBytes of tensor 'input' is a list of 3/],
  ['P3', (json) => (json.constraints.keepOnDevice = 1.5), /P3: constraints.keepOnDevice is 1.5/],
  ['P3', (json) => (json.constraints.keepOnDevice = 0), /P3: constraints.keepOnDevice is 0.*1 or more/],
  ['P4', (json) => (json.constraints.pin = { nobody: 'edge' }), /P4: constraints.pin is 'nobody'/],
  ['P4', (json) => (json.constraints.pin = { layer0: 'moon' }), /P4: the pin of layer 'layer0' is 'moon'/],
  ['P5', (json) => (json.constraints.unavailable = ['moon']), /P5: constraints.unavailable is 'moon'/],
  ['P6', (json) => (json.constraints.memoryBytes = [1]), /P6: constraints.memoryBytes is a list of 1/],
  ['G1', (json) => (json.layers = []), /G1 at 'graph'/],
  ['G2', (json) => (json.layers[1].name = 'layer0'), /G2 at 'layer0'/],
  ['G3', (json) => json.layers[1].inputs.push('ghost'), /G3 at 'layer1': it reads 'ghost'/],
  ['G4', (json) => json.layers.reverse(), /G4 at 'layer\d+': it reads 't\d+' before/],
  ['G5', (json) => (json.layers[1].outputs = ['t0']), /G5 at 'layer1'/],
  ['G6', (json) => json.tensors.push({ ...json.tensors[1], name: 'orphan' }), /G6 at 'orphan'/],
];

describe('parseProblem()', () => {
  it('reads back what was printed', () => {
    expect(parseProblem(copy())).toEqual(good);
  });

  it.each(broken)('refuses a problem that breaks %s, naming the place', (_rule, breakIt, text) => {
    const json = copy();
    breakIt(json);
    const { code, message } = fault(() => parseProblem(json));
    expect(code).toMatch(/^PARTITION_(GRAPH|PROBLEM)_INVALID$/);
    expect(message).toMatch(text);
  });

  it.each([[null], [[]], ['{}'], [7]])('refuses %j', (json) => {
    expect(fault(() => parseProblem(json)).code).toBe('PARTITION_PROBLEM_INVALID');
  });
});

describe('verifyPlan()', () => {
  const withConstraints = (constraints: Problem['constraints']) => ({ ...good, constraints });
  const all = (tier: number) => good.layers.map(() => tier);

  it('accepts a single tier', () => {
    expect(() => verifyPlan(good, all(2))).not.toThrow();
  });

  it.each([
    ['P1', good, [0]],
    ['P1', good, all(3)],
    ['P2', good, all(1).with(-1, 0)],
    ['P3', withConstraints({ keepOnDevice: 1 }), all(1)],
    ['P4', withConstraints({ pin: { layer1: 'cloud' } }), all(1)],
    ['P5', withConstraints({ unavailable: ['edge'] }), all(1)],
    ['P6', withConstraints({ memoryBytes: [null, 0, null] }), all(1)],
  ] as const)('cites %s when it is broken', (rule, problem, tierOf) => {
    const { code, message } = fault(() => verifyPlan(problem, tierOf));
    expect(code).toBe('PARTITION_PLAN_INVALID');
    expect(message).toContain(`rule ${rule}`);
  });

  it('counts a weight that two layers of a tier share once (P6)', () => {
    const weights = [{ id: 'shared', bytes: 100 }];
    const layers = good.layers.map((layer) => ({ ...layer, weightBytes: 100, weights }));
    const problem = { ...good, layers, constraints: { memoryBytes: [100, 100, 99] } };
    expect(() => verifyPlan(problem, all(1))).not.toThrow();
    expect(() => verifyPlan(problem, all(2))).toThrow(/holds 100 B of weights and its cap is 99 B/);
  });
});
