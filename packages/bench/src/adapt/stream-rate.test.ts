import { describe, expect, it } from 'vitest';
import { measureStreamRate } from './stream-rate.ts';

describe('measureStreamRate()', () => {
  it('keeps three tiers busy at once: the stream goes at the pace of the slowest, give or take what a busy machine costs', async () => {
    const slowdowns = { device: 96, edge: 48, cloud: 36 };
    let best = 0;
    // A machine that runs other tests meanwhile may hold one stream up; it does not let one go faster.
    for (let attempt = 0; attempt < 3 && best < 0.7; attempt++) {
      const { rows, streamOverLimit } = await measureStreamRate({
        networks: ['sketch-resnet'],
        slowdowns,
        streamMs: 3_000,
      });
      const [stream] = rows;
      expect(stream).toMatchObject({ kind: 'stream', plan: 'pipelined', failed: 0 });
      expect(stream?.kind === 'stream' && stream.stages.map(({ tier }) => tier)).toEqual(['device', 'edge', 'cloud']);
      best = Math.max(best, streamOverLimit);
    }
    expect(best).toBeGreaterThanOrEqual(0.7);
  }, 180_000);
});
