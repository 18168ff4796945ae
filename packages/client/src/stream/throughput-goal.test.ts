import type { Objective, PlanReport } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { ThroughputGoal } from './throughput-goal.ts';

function sessionAt(objective: Objective, fails = false) {
  const asked: string[] = [];
  const session = {
    report: { problem: { objective } } as PlanReport,
    replan: async (goal: { objective?: Objective }) => {
      asked.push(goal.objective ?? '');
      await Promise.resolve();
      if (fails) throw new Error('no');
      session.report = { problem: goal } as unknown as PlanReport;
      return session.report;
    },
  };
  return { session, asked };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('ThroughputGoal', () => {
  it('plans for throughput with the first stream, and for latency after the last', async () => {
    const { session, asked } = sessionAt('latency');
    const goal = new ThroughputGoal(session);
    const [first, second] = [goal.enter(), goal.enter()];
    await settled();
    first();
    first();
    await settled();
    expect(asked).toEqual(['throughput']);
    second();
    await settled();
    expect(asked).toEqual(['throughput', 'latency']);
  });

  it('leaves alone what was aimed at by others, before or meanwhile', async () => {
    const already = sessionAt('throughput');
    new ThroughputGoal(already.session).enter()();
    await settled();
    expect(already.asked).toEqual([]);
    const meanwhile = sessionAt('latency');
    const leave = new ThroughputGoal(meanwhile.session).enter();
    await settled();
    await meanwhile.session.replan({ objective: 'latency' });
    leave();
    await settled();
    expect(meanwhile.asked).toEqual(['throughput', 'latency']);
  });

  it('runs on the plan that there is where no other can be had, and changes nothing back', async () => {
    const { session, asked } = sessionAt('latency', true);
    const leave = new ThroughputGoal(session).enter();
    await settled();
    leave();
    await settled();
    expect(asked).toEqual(['throughput']);
  });
});
