import type { Proposal } from '@d3/protocol';
import { expect, it } from 'vitest';
import { greet } from '../testing/device.ts';
import { packInto, SKETCH } from '../testing/models.ts';
import { TestTiers } from '../testing/tier.ts';

it('what a lost link had prepared is still warm for the next: proposing it again costs next to nothing', async () => {
  const tiers = await TestTiers.create();
  try {
    const { hash, layers } = await packInto(tiers.models('cloud'), SKETCH);
    const cloud = await tiers.start('cloud');
    const edge = await tiers.start('edge', { upstream: cloud.link });
    const tierOf = layers.map((_, index) => (index < layers.length / 2 ? 1 : 2));
    const proposal: Proposal = {
      ...{ epoch: 1, model: hash, tiers: ['device', 'edge', 'cloud'], tierOf, objective: 'latency' },
    };
    const preparedMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const link = await greet(edge.link);
      const startedMs = performance.now();
      await link.ask('propose', proposal);
      preparedMs.push(performance.now() - startedMs);
      link.close();
      await link.closed;
    }
    const [first = 0, ...again] = preparedMs;
    expect(Math.min(...again)).toBeLessThan(first / 2);
    const model = await edge.app.d3.store.find(hash);
    const own = tierOf.flatMap((tier, index) => (tier === 1 ? [index] : []));
    expect(edge.app.d3.executor.isWarm(model, own)).toBe(true);
  } finally {
    await tiers.close();
  }
}, 60_000);
