import type { LinkEstimate, TierProfile } from '@d3/profile';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type EdgeConnections, EdgeKeeper } from './edge-keeper.ts';
import type { Uplink } from './uplink.ts';

const LINK: LinkEstimate = { upBytesPerMs: 1000, downBytesPerMs: 1000, delayMs: 1 };
const profile = (tier: string): TierProfile => ({
  ...{ tier, backend: 'cpu', gflops: 10, fixedMs: 0, concurrency: 1, slowdown: 1 },
});
/** Past the first hop there is nothing to fake: a link that ends when it is told to. */
function linkTo(...tiers: string[]) {
  let end: (how: { code: number; reason: string }) => void = () => undefined;
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    end = resolve;
  });
  const close = vi.fn(() => end({ code: 1000, reason: '' }));
  const uplink = {
    client: { closed, close, ping: vi.fn(() => Promise.resolve(1)) },
    welcome: { tiers: tiers.map((tier) => ({ profile: profile(tier), url: `ws://${tier}.test/d3/link` })) },
    profiles: tiers.map(profile),
    links: tiers.map(() => LINK),
    draining: false,
    onStatus: () => undefined,
    onDraining: (_reason: string) => undefined,
  };
  const drain = (reason: string) => {
    uplink.draining = true;
    uplink.onDraining(reason);
  };
  const report = (...now: string[]) => {
    uplink.profiles = now.map(profile);
    uplink.links = now.map(() => LINK);
    uplink.onStatus();
  };
  return { uplink: uplink as unknown as Uplink, close, drain, report, end: () => end({ code: 1006, reason: '' }) };
}

type Link = ReturnType<typeof linkTo>;

/** A keeper that holds a first link; it links to `edges` in turn later, and to `past` on a detour. */
function keeperOn({ edges = [], past }: { readonly edges?: Link[]; readonly past?: Link } = {}) {
  const first = linkTo('edge', 'cloud');
  const ending = new AbortController();
  const listener = { onStatus: vi.fn(), onTiers: vi.fn(), onLost: vi.fn(), onBack: vi.fn() };
  const connect = vi.fn<EdgeConnections['connect']>(async () => {
    const next = edges.shift();
    if (next === undefined) throw new Error('no edge listens there');
    return next.uplink;
  });
  const connectPast = vi.fn<NonNullable<EdgeConnections['connectPast']>>(async () => {
    if (past === undefined) throw new Error('not from here');
    return past.uplink;
  });
  const keeper = new EdgeKeeper({ connect, connectPast }, ending.signal, listener);
  keeper.adopt(first.uplink);
  return { keeper, first, ending, listener, connect, connectPast };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe('EdgeKeeper', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('links past a lost edge, and goes back to the edge when that is there again', async () => {
    const [past, again] = [linkTo('cloud'), linkTo('edge', 'cloud')];
    const { keeper, first, listener, connectPast } = keeperOn({ edges: [again], past });
    expect(keeper.uplink).toBe(first.uplink);
    first.end();
    await settle();
    expect(listener.onLost).toHaveBeenCalledWith('the link closed with 1006');
    expect(connectPast.mock.calls[0]?.[0]).toEqual({ tier: 'cloud', url: 'ws://cloud.test/d3/link' });
    expect(listener.onBack).toHaveBeenCalledWith('linked past the edge to the cloud');
    expect([keeper.uplink, keeper.tiers.away]).toEqual([past.uplink, ['edge']]);
    await vi.advanceTimersByTimeAsync(500);
    expect(listener.onBack).toHaveBeenLastCalledWith('the edge is back');
    expect([keeper.uplink, keeper.tiers.away]).toEqual([again.uplink, []]);
    keeper.endIdle(new Set([past.uplink]));
    expect(past.close).not.toHaveBeenCalled();
    keeper.endIdle(new Set());
    expect([past.close.mock.calls.length, again.close.mock.calls.length]).toEqual([1, 0]);
  });

  it('has no tier while neither edge nor detour can be had, and tries the edge at growing intervals, or at once', async () => {
    const { keeper, first, listener, connect } = keeperOn();
    first.end();
    await settle();
    expect([keeper.uplink, keeper.tiers.reachable]).toEqual([undefined, false]);
    await vi.advanceTimersByTimeAsync(500 + 1000 + 2000);
    expect(connect).toHaveBeenCalledTimes(3);
    keeper.wake();
    await settle();
    expect(connect).toHaveBeenCalledTimes(4);
    expect([listener.onLost.mock.calls.length, listener.onBack.mock.calls.length]).toEqual([1, 0]);
  });

  it('makes no plans over a draining edge, which finishes what runs, and says once that it is lost', async () => {
    const { keeper, first, listener, connect } = keeperOn();
    first.drain('an update');
    await settle();
    expect([keeper.uplink, keeper.draining]).toEqual([undefined, true]);
    expect(first.close).not.toHaveBeenCalled();
    expect(connect).not.toHaveBeenCalled();
    first.end();
    await vi.advanceTimersByTimeAsync(500);
    expect(listener.onLost.mock.calls).toEqual([['it is draining: an update']]);
    expect([keeper.draining, connect.mock.calls.length]).toEqual([false, 1]);
  });

  it('tells when a link past the edge is lost as well', async () => {
    const past = linkTo('cloud');
    const { keeper, first, listener } = keeperOn({ past });
    first.end();
    await settle();
    past.end();
    await settle();
    expect(listener.onLost).toHaveBeenLastCalledWith('the link past it closed with 1006');
    expect([keeper.uplink, keeper.tiers.reachable]).toEqual([undefined, false]);
  });

  it('tells which tiers behind the edge went away and came back', () => {
    const { first, listener } = keeperOn();
    first.report('edge');
    first.report('edge');
    first.report('edge', 'cloud');
    expect(listener.onTiers.mock.calls).toEqual([[{ gone: ['cloud'], come: [] }], [{ gone: [], come: ['cloud'] }]]);
    expect(listener.onStatus).toHaveBeenCalledTimes(3);
  });

  it('closes a link that answers nothing when the page is shown again', async () => {
    const { keeper, first, listener } = keeperOn();
    vi.mocked(first.uplink.client.ping).mockRejectedValue(new Error('no answer'));
    keeper.wake();
    await settle();
    expect(first.close).toHaveBeenCalledTimes(1);
    expect(listener.onLost).toHaveBeenCalledTimes(1);
  });

  it('closes every link at the end of the session, and whatever opens later', async () => {
    const [past, late] = [linkTo('cloud'), linkTo('edge')];
    const { keeper, first, ending, listener } = keeperOn({ past });
    first.drain('an update');
    await settle();
    expect(keeper.uplink).toBe(past.uplink);
    ending.abort();
    await settle();
    expect([first.close.mock.calls.length, past.close.mock.calls.length]).toEqual([1, 1]);
    keeper.adopt(late.uplink);
    expect(late.close).toHaveBeenCalledTimes(1);
    expect(listener.onLost).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
