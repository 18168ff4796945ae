import { partitionError } from '../errors.ts';
import { type PreparedGraph, prepareGraph } from '../graph/prepare-graph.ts';
import type { Assignment, Problem } from '../problem.ts';
import { memoryViolation } from './memory-violation.ts';
import type { Violation } from './violation.ts';

/**
 * The first rule of SPEC.md, section 2, that an assignment breaks; null when it is valid.
 *
 * @param graph - of the problem's layers and tensors; saves preparing it again
 */
export function planViolation(
  problem: Problem,
  tierOf: Assignment,
  graph: PreparedGraph = prepareGraph(problem),
): Violation | null {
  return (
    shapeViolation(problem, tierOf) ??
    orderViolation(problem, tierOf, graph) ??
    constraintViolation(problem, tierOf, graph) ??
    memoryViolation(problem, tierOf, graph)
  );
}

/**
 * Checks that an assignment is valid for a problem: what a peer must do before it agrees to a proposed plan.
 *
 * @throws PARTITION_PLAN_INVALID with the rule and the layer or tier
 */
export function verifyPlan(problem: Problem, tierOf: Assignment): void {
  const violation = planViolation(problem, tierOf);
  if (violation !== null) throw partitionError('PARTITION_PLAN_INVALID', { ...violation });
}

function shapeViolation(problem: Problem, tierOf: Assignment): Violation | null {
  if (tierOf.length !== problem.layers.length) {
    return { rule: 'P1', fault: `it places ${tierOf.length} layers and the graph has ${problem.layers.length}` };
  }
  const index = tierOf.findIndex((tier) => !Number.isInteger(tier) || tier < 0 || tier >= problem.tiers.length);
  if (index < 0) return null;
  const fault = `layer '${problem.layers[index]?.name}' is on tier ${tierOf[index]}, of ${problem.tiers.length} tiers`;
  return { rule: 'P1', fault };
}

function orderViolation(problem: Problem, tierOf: Assignment, graph: PreparedGraph): Violation | null {
  const { start, items } = graph.predecessors;
  for (let layer = 0; layer < graph.layerCount; layer++) {
    for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
      const before = items[at] ?? 0;
      if ((tierOf[before] ?? 0) > (tierOf[layer] ?? 0)) {
        const names = `'${problem.layers[layer]?.name}' is nearer the user than '${problem.layers[before]?.name}'`;
        return { rule: 'P2', fault: `layer ${names}, which it reads` };
      }
    }
  }
  return null;
}

function constraintViolation(problem: Problem, tierOf: Assignment, graph: PreparedGraph): Violation | null {
  const { keepOnDevice = 0, pin = {}, unavailable = [] } = problem.constraints;
  for (const [index, layer] of problem.layers.entries()) {
    const tier = problem.tiers[tierOf[index] ?? 0] ?? '';
    const kept = keepOnDevice > 0 && (index < keepOnDevice || graph.readsInput[index] === 1);
    if (kept && tierOf[index] !== 0) {
      return { rule: 'P3', fault: `layer '${layer.name}' must stay on '${problem.tiers[0]}' and is on '${tier}'` };
    }
    if (Object.hasOwn(pin, layer.name) && pin[layer.name] !== tier) {
      return { rule: 'P4', fault: `layer '${layer.name}' is pinned to '${pin[layer.name]}' and is on '${tier}'` };
    }
    if (unavailable.includes(tier)) {
      return { rule: 'P5', fault: `layer '${layer.name}' is on '${tier}', which is unavailable` };
    }
  }
  return null;
}
