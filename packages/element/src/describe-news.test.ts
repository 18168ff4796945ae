import type { Session, SessionEvents } from '@d3/client';
import { describe, expect, it, vi } from 'vitest';
import { describeNews } from './describe-news.ts';
import { followSession } from './session-news.ts';

type Name = keyof SessionEvents;

/** A session that only says things. */
function talker() {
  const listeners = new Map<Name, Set<(detail: never) => void>>();
  const on = (event: Name, listener: (detail: never) => void) => {
    const known = listeners.get(event) ?? new Set();
    listeners.set(event, known.add(listener));
    return () => known.delete(listener);
  };
  const say = <E extends Name>(event: E, detail: SessionEvents[E]) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(detail as never);
  };
  const heard = () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0);
  return { session: { on, epoch: 1 } as unknown as Session, say, heard };
}

const considered = {
  reason: 'the last switch was 2.0 s ago',
  obstacle: 'dwell',
  tierOf: [0],
  predictedGainMs: 12,
  bytes: 0,
} as const;

describe('followSession()', () => {
  it('keeps the last of each, and begins anew with each plan', () => {
    const { session, say } = talker();
    const onNews = vi.fn();
    const { news } = followSession(session, { onNews, onClosed: vi.fn() });
    expect(news).toEqual({ epoch: 1 });
    say('lost', { what: 'edge', reason: 'cut' });
    say('considered', considered);
    expect(onNews).toHaveBeenLastCalledWith({ epoch: 1, lost: { what: 'edge', reason: 'cut' }, considered });
    const plan = { epoch: 2, reason: 'the edge was lost: cut' } as SessionEvents['plan'];
    say('plan', plan);
    expect(onNews).toHaveBeenLastCalledWith({ epoch: 2, plan });
  });

  it('hears nothing more after the end, whoever ends it', () => {
    for (const ended of ['closed', 'stopped'] as const) {
      const { session, say, heard } = talker();
      const onClosed = vi.fn();
      const { stop } = followSession(session, { onNews: vi.fn(), onClosed });
      if (ended === 'stopped') stop();
      say('closed', { reason: 'the session worker failed' });
      expect(onClosed).toHaveBeenCalledTimes(ended === 'closed' ? 1 : 0);
      expect(heard()).toBe(0);
    }
  });
});

describe('describeNews()', () => {
  it('says what happened, what it is to win, and what was fetched', () => {
    const plan = { epoch: 3, reason: 'the link fell', predictedGainMs: 20.4, bytes: 98_304 } as SessionEvents['plan'];
    expect(describeNews({ epoch: 3, plan })).toEqual([
      'Plan 3: the link fell (20.4 ms faster by prediction, 98.3 kB of weights to fetch).',
    ]);
    expect(describeNews({ epoch: 1, lost: { what: 'edge', reason: 'cut' }, considered })).toEqual([
      'Lost edge: cut.',
      'Not taken: another plan (12.0 ms faster by prediction), since the last switch was 2.0 s ago.',
    ]);
  });

  it('says nothing of a first plan', () => {
    expect(describeNews({ epoch: 1 })).toEqual([]);
  });
});
