import { graphFamilies, Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { prepareGraph } from '../index.ts';
import type { Assignment, Problem } from '../problem.ts';
import { evaluate } from './evaluate.ts';
import { Ledger } from './ledger.ts';

/** C1 to C6 word for word, slowly: what the ledger is checked against. */
function bySpec(problem: Problem, tierOf: Assignment): { latencyMs: number; slowestStageMs: number } {
  const used = problem.tiers.map((_, tier) => tierOf.includes(tier));
  const stations = problem.tiers.map((_, tier) => tier).filter((tier) => tier === 0 || used[tier]);
  const writer = new Map(problem.layers.flatMap((layer, at) => layer.outputs.map((name) => [name, tierOf[at] ?? 0])));
  const stages: number[] = [];
  let latencyMs = 0;
  problem.tiers.forEach((_, tier) => {
    const mine = problem.layers.filter((_, at) => tierOf[at] === tier);
    const ms =
      mine.reduce((sum, layer) => sum + (layer.computeMs[tier] ?? 0), 0) +
      (used[tier] ? (problem.tierFixedMs[tier] ?? 0) : 0);
    latencyMs += ms;
    stages.push(ms / (problem.concurrency[tier] ?? 1));
  });
  const furthestOutput = Math.max(0, ...problem.tensors.filter((t) => t.isOutput).map((t) => writer.get(t.name) ?? 0));
  for (const [index, station] of stations.entries()) {
    const next = stations[index + 1];
    if (next === undefined) break;
    const merged = problem.hops.slice(station, next);
    const delayMs = merged.reduce((sum, hop) => sum + hop.delayMs, 0);
    const crossing = problem.tensors.filter((tensor) => {
      const readBeyond = problem.layers.some(
        (layer, at) => layer.inputs.includes(tensor.name) && (tierOf[at] ?? 0) >= next,
      );
      return (writer.get(tensor.name) ?? 0) <= station && readBeyond;
    });
    const upMs =
      crossing.reduce((sum, t) => sum + (t.codedBytes[station] ?? 0), 0) /
      Math.min(...merged.map((h) => h.upBytesPerMs));
    const returned = problem.tensors.filter((t) => t.isOutput && (writer.get(t.name) ?? 0) >= next);
    const downMs = returned.reduce((sum, t) => sum + t.bytes, 0) / Math.min(...merged.map((h) => h.downBytesPerMs));
    latencyMs += delayMs + upMs + (furthestOutput >= next ? delayMs + downMs : 0);
    stages.push(upMs, downMs);
  }
  return { latencyMs, slowestStageMs: Math.max(...stages) };
}

function randomAssignment(random: Random, problem: Problem): number[] {
  const graph = prepareGraph(problem);
  const tierOf: number[] = [];
  for (let layer = 0; layer < graph.layerCount; layer++) {
    const before = graph.predecessors.items.subarray(
      graph.predecessors.start[layer],
      graph.predecessors.start[layer + 1],
    );
    const lowest = Math.max(0, ...Array.from(before, (at) => tierOf[at] ?? 0));
    tierOf.push(random.chance(0.7) ? lowest : random.integer(lowest, problem.tiers.length - 1));
  }
  return tierOf;
}

describe('evaluate()', () => {
  it('costs 500 random plans as the rules say (C1 to C6)', () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random(seed);
      const problem = randomProblem(random, randomGraph(random, random.pick(graphFamilies), random.integer(1, 20)), {
        codedPerHop: true,
      });
      const tierOf = randomAssignment(random, problem);
      const plan = evaluate(problem, tierOf);
      const expected = bySpec(problem, tierOf);
      expect(plan.latencyMs / expected.latencyMs).toBeCloseTo(1, 9);
      expect(plan.slowestStageMs / expected.slowestStageMs).toBeCloseTo(1, 9);
      const { computeMs, transferMs, fixedMs, returnMs } = plan.breakdown;
      const parts = [...computeMs, ...transferMs, fixedMs, returnMs].reduce((sum, ms) => sum + ms, 0);
      expect(parts / plan.latencyMs).toBeCloseTo(1, 9);
    }
  });
});

describe('Ledger', () => {
  it('says the same after any moves as when opened anew', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = new Random(seed);
      const objective = random.pick(['latency', 'throughput'] as const);
      const problem = randomProblem(random, randomGraph(random, random.pick(graphFamilies), random.integer(2, 25)), {
        objective,
      });
      const graph = prepareGraph(problem);
      const ledger = new Ledger(problem, graph, randomAssignment(random, problem));
      for (let move = 0; move < 30; move++) {
        ledger.move(random.integer(0, graph.layerCount - 1), random.integer(0, problem.tiers.length - 1));
      }
      const tierOf = randomAssignment(random, problem);
      tierOf.forEach((tier, layer) => {
        ledger.move(layer, tier);
      });
      const fresh = new Ledger(problem, graph, tierOf);
      expect(ledger.assignment()).toEqual(tierOf);
      expect(ledger.objectiveMs() / fresh.objectiveMs()).toBeCloseTo(1, 9);
      expect(fresh.objectiveMs()).toBeCloseTo(
        fresh.plan()[objective === 'latency' ? 'latencyMs' : 'slowestStageMs'],
        9,
      );
    }
  });
});
