import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StatusAnnouncer, type TierStatus } from './status-announcer.ts';

const PROFILE = { tier: 'edge', backend: 'cpu', gflops: 10, fixedMs: 1, concurrency: 1, slowdown: 1 };
const LINK = { upBytesPerMs: 1000, downBytesPerMs: 1000, delayMs: 5 };
const ALONE: TierStatus = { profiles: [PROFILE], links: [], models: { a: '1' } };
const BOTH: TierStatus = { profiles: [PROFILE, { ...PROFILE, tier: 'cloud' }], links: [LINK], models: { a: '1' } };
const loaded = (scale: number): TierStatus => ({ ...ALONE, profiles: [{ ...PROFILE, load: { scale, queueMs: 0 } }] });

describe('StatusAnnouncer', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  function announcer(first: TierStatus) {
    const sent: TierStatus[] = [];
    let now = first;
    const announcing = new StatusAnnouncer({ current: () => now, send: (status) => sent.push(status) });
    const become = (status: TierStatus) => {
      now = status;
      announcing.check();
    };
    return { sent, become, announcing };
  }

  it('says at once when a tier comes or goes, or a model changes', () => {
    const { sent, become } = announcer(ALONE);
    become(ALONE);
    const changes = [BOTH, ALONE, { ...ALONE, models: { a: '2' } }, { ...ALONE, models: {} }];
    for (const status of changes) become(status);
    expect(sent).toEqual(changes);
  });

  it('says a load or a link that left its band against what was said last, at most every 250 ms', () => {
    const { sent, become } = announcer(ALONE);
    become(loaded(1.2));
    expect(sent).toHaveLength(0);
    become(loaded(1.3));
    expect(sent).toEqual([loaded(1.3)]);
    become(loaded(2));
    become(loaded(3));
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(249);
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([loaded(1.3), loaded(3)]);
  });

  it('says nothing of what was over before its turn came, or once it is closed', () => {
    const { sent, become, announcing } = announcer(ALONE);
    become(loaded(2));
    become(loaded(3));
    become(loaded(2));
    vi.advanceTimersByTime(1_000);
    expect(sent).toEqual([loaded(2)]);
    become(loaded(3));
    become(loaded(9));
    announcing.close();
    vi.advanceTimersByTime(1_000);
    expect(sent).toEqual([loaded(2), loaded(3)]);
  });

  it('says another rate of a link, and another calibration of a tier', () => {
    const { sent, become } = announcer(BOTH);
    become({ ...BOTH, links: [{ ...LINK, upBytesPerMs: 790 }] });
    vi.advanceTimersByTime(250);
    become({ ...BOTH, profiles: [{ ...PROFILE, gflops: 11 }, ...BOTH.profiles.slice(1)] });
    expect(sent).toHaveLength(2);
  });
});
