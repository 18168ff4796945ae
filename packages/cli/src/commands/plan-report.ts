import { isPlan, type Plan, type PlanReport, type Problem } from '@d3/partition';
import { formatBytes, formatMs, significant, table } from '../terminal/table.ts';

/** What {@link planText} may be told about where the costs are from. */
export interface PlanTextOptions {
  /** One sentence before everything else, e.g. which machine the costs were measured on. */
  readonly source: string;
  /** Factor by which each tier is slowed on purpose. */
  readonly slowdowns: readonly number[];
}

/** A plan report for a person: the costs it rests on, every strategy's answer, and why the chosen one is chosen. */
export function planText(report: PlanReport, options: PlanTextOptions): string {
  const { problem, strategies, chosen, explain } = report;
  const parts = [`${options.source}\n`, tiersText(problem, options.slowdowns), strategiesText(report)];
  const plan = strategies[chosen];
  if (plan !== undefined && isPlan(plan)) parts.push(placementText(problem, plan));
  const points = explain.turningPoints.map(({ quantity, now, at, unit, then }) => {
    return `  ${quantity}: ${significant(now)} ${unit} now; from ${significant(at)} ${unit} on it would be ${then}\n`;
  });
  parts.push(`${explain.sentence}\n${points.join('')}`);
  return parts.join('\n');
}

function tiersText(problem: Problem, slowdowns: readonly number[]): string {
  const sumMs = (tier: number) => problem.layers.reduce((sum, layer) => sum + (layer.computeMs[tier] ?? 0), 0);
  const tiers = problem.tiers.map((tier, index) => {
    const slowed = (slowdowns[index] ?? 1) > 1 ? `slowed ×${slowdowns[index]} (emulated)` : '';
    const cap = problem.constraints.memoryBytes?.[index];
    const hop = problem.hops[index];
    const link = hop === undefined ? '' : linkText(hop);
    return [tier, formatMs(sumMs(index)), cap == null ? 'none' : formatBytes(cap), link, slowed];
  });
  return table(
    [
      { title: 'tier' },
      { title: 'whole network', align: 'right' },
      { title: 'weight cap', align: 'right' },
      { title: 'link onwards' },
      { title: '' },
    ],
    tiers,
  );
}

function linkText(hop: Problem['hops'][number]): string {
  const mbit = (bytesPerMs: number) => significant(bytesPerMs / 125);
  return `${mbit(hop.upBytesPerMs)} Mbit/s up, ${mbit(hop.downBytesPerMs)} down, ${formatMs(hop.delayMs)}`;
}

function strategiesText({ problem, strategies, chosen }: PlanReport): string {
  const rows = Object.entries(strategies).map(([name, result]) => {
    const mark = name === chosen ? '→' : '';
    if (!isPlan(result)) return [mark, name, '—', '—', '—', result.infeasible];
    const counts = problem.tiers.map((_, tier) => result.tierOf.filter((own) => own === tier).length);
    const bound = result.boundMs > 0 ? formatMs(result.boundMs) : '—';
    return [mark, name, formatMs(result.latencyMs), formatMs(result.slowestStageMs), bound, counts.join(' + ')];
  });
  return table(
    [
      { title: '' },
      { title: 'strategy' },
      { title: 'latency', align: 'right' },
      { title: 'slowest stage', align: 'right' },
      { title: 'proven bound', align: 'right' },
      { title: `layers on ${problem.tiers.join(' + ')}` },
    ],
    rows,
  );
}

function placementText(problem: Problem, plan: Plan): string {
  const rows = problem.tiers.flatMap((tier, index) => {
    const layers = problem.layers.filter((_, layer) => plan.tierOf[layer] === index);
    const first = layers[0];
    const last = layers[layers.length - 1];
    if (first === undefined || last === undefined) return [];
    const span = first === last ? first.name : `${first.name} … ${last.name}`;
    return [[tier, String(layers.length), formatMs(plan.breakdown.computeMs[index] ?? 0), span]];
  });
  const moving = plan.breakdown.transferMs.reduce((sum, ms) => sum + ms, 0);
  const tail = `transfers ${formatMs(moving)}, fixed ${formatMs(plan.breakdown.fixedMs)}, way back ${formatMs(plan.breakdown.returnMs)}\n`;
  const columns = [
    { title: 'tier' },
    { title: 'layers', align: 'right' },
    { title: 'compute', align: 'right' },
    { title: 'which' },
  ] as const;
  return `${table(columns, rows)}${tail}`;
}
