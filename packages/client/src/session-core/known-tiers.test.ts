import { describe, expect, it } from 'vitest';
import { KnownTiers } from './known-tiers.ts';

const tier = (name: string) => ({ tier: name, backend: 'cpu', gflops: 1, fixedMs: 0, concurrency: 1, slowdown: 1 });
const link = (rate: number) => ({ upBytesPerMs: rate, downBytesPerMs: rate, delayMs: rate });

describe('KnownTiers', () => {
  it('keeps the place of a cloud that goes away, and takes it back', () => {
    const tiers = new KnownTiers();
    expect(tiers.reachable).toBe(false);
    expect(tiers.learn({ profiles: [tier('edge'), tier('cloud')], links: [link(1), link(2)] })).toBe(true);
    expect(tiers.learn({ profiles: [tier('edge')], links: [link(3)] })).toBe(true);
    expect(tiers.profiles.map((profile) => profile.tier)).toEqual(['edge', 'cloud']);
    expect(tiers.links).toEqual([link(3), link(2)]);
    expect(tiers.away).toEqual(['cloud']);
    expect(tiers.learn({ profiles: [tier('edge'), tier('cloud')], links: [link(3), link(4)] })).toBe(true);
    expect(tiers.learn({ profiles: [tier('edge'), tier('cloud')], links: [link(5), link(4)] })).toBe(false);
    expect([tiers.away, tiers.links]).toEqual([[], [link(5), link(4)]]);
  });

  it('leads past an edge that is away, at the cost of the direct link alone', () => {
    const tiers = new KnownTiers();
    tiers.learn({ profiles: [tier('edge'), tier('cloud')], links: [link(1), link(2)] });
    tiers.lose();
    expect([tiers.away, tiers.reachable]).toEqual([['edge', 'cloud'], false]);
    tiers.learn({ profiles: [tier('cloud')], links: [link(7)] });
    expect(tiers.away).toEqual(['edge']);
    expect(tiers.links.reduce((sum, { delayMs }) => sum + delayMs, 0)).toBe(7);
    expect(Math.min(...tiers.links.map(({ upBytesPerMs }) => upBytesPerMs))).toBe(7);
  });

  it('takes in a tier that was not there at first', () => {
    const tiers = new KnownTiers();
    tiers.learn({ profiles: [tier('edge')], links: [link(1)] });
    expect(tiers.learn({ profiles: [tier('edge'), tier('cloud')], links: [link(1), link(2)] })).toBe(true);
    expect(tiers.profiles).toHaveLength(2);
    expect(tiers.links).toEqual([link(1), link(2)]);
  });
});
