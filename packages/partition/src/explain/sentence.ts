import { objectiveMs } from '../objective/compare-plans.ts';
import type { Explanation, Plan, Problem } from '../problem.ts';

/** The parts a sentence is made of. */
export interface SentenceParts {
  readonly plan: Plan;
  readonly runnerUp: Explanation['runnerUp'];
  readonly binding: Explanation['binding'];
  readonly turningPoints: Explanation['turningPoints'];
}

/** Says in plain words why a plan was chosen. */
export function sentenceFor(problem: Problem, parts: SentenceParts): string {
  const tiers = problem.tiers.flatMap((_, tier) => (parts.plan.tierOf.includes(tier) ? [tier] : []));
  const reason = tiers.length === 1 ? wholeReason(problem, parts, tiers[0] ?? 0) : splitReason(problem, parts, tiers);
  return `${reason}${turning(parts)}`;
}

function wholeReason(problem: Problem, { plan, runnerUp }: SentenceParts, tier: number): string {
  const alone = `the ${problem.tiers[tier]} alone takes ${times(problem, plan)}`;
  if (runnerUp === null) return `Splitting gains nothing here: ${alone}, and no strategy has a plan over other tiers`;
  return `Splitting gains nothing here: ${alone}, and the next best, ${runnerUp.strategy}, ${ms(runnerUp.objectiveMs)}`;
}

function splitReason(problem: Problem, { plan, runnerUp, binding }: SentenceParts, tiers: readonly number[]): string {
  const shares = tiers.map((tier) => {
    const count = plan.tierOf.filter((other) => other === tier).length;
    return `${count} ${count === 1 ? 'layer' : 'layers'} on the ${problem.tiers[tier]}`;
  });
  const most = problem.objective === 'latency' ? 'most of it is spent on' : 'its slowest stage is';
  const limit = binding === null ? '' : `; ${most} the ${binding.name} ${binding.kind}`;
  const than =
    runnerUp === null
      ? ', and no strategy has a plan over other tiers'
      : `, ${ratio(runnerUp.objectiveMs / objectiveMs(plan, problem.objective))} than ${runnerUp.strategy} (${ms(runnerUp.objectiveMs)})`;
  return `Splitting pays: ${list(shares)} take ${times(problem, plan)}${than}${limit}`;
}

function turning({ turningPoints }: SentenceParts): string {
  const [nearest] = [...turningPoints].sort(
    (a, b) => Math.abs(Math.log(a.at / a.now)) - Math.abs(Math.log(b.at / b.now)),
  );
  if (nearest === undefined) return '.';
  const { quantity, now, at, unit, then } = nearest;
  const point =
    unit === '×'
      ? `${figure(at)} times the ${quantity}`
      : `a ${quantity} of ${figure(at)} ${unit} (now ${figure(now)})`;
  return `; at ${point} it would be ${then.replaceAll('+', ' and ')}.`;
}

function times(problem: Problem, plan: Plan): string {
  return problem.objective === 'latency' ? ms(plan.latencyMs) : `${ms(plan.slowestStageMs)} per request in a stream`;
}

function ms(value: number): string {
  return `${figure(value)} ms`;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function ratio(value: number): string {
  return value < 1.005 ? 'no slower' : `${value.toFixed(2)}× faster`;
}

function list(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
