import { describe, expect, it, vi } from 'vitest';
import { Scopes } from './scopes.ts';

describe('Scopes', () => {
  it('abortAll() aborts what runs and what comes later, with the first reason', () => {
    const scopes = new Scopes();
    const running = scopes.open();
    const over = scopes.open();
    over.end();
    scopes.abortAll('closed');
    scopes.abortAll('again');
    expect(running.signal.reason).toBe('closed');
    expect(over.signal.aborted).toBe(false);
    expect(scopes.open().signal.reason).toBe('closed');
  });

  it('open() follows a signal until the scope ends', () => {
    const scopes = new Scopes();
    const caller = new AbortController();
    const [running, over] = [scopes.open({ signal: caller.signal }), scopes.open({ signal: caller.signal })];
    over.end();
    caller.abort('enough');
    expect(running.signal.reason).toBe('enough');
    expect(over.signal.aborted).toBe(false);
    expect(scopes.open({ signal: caller.signal }).signal.reason).toBe('enough');
  });

  it('open() aborts when time is over', () => {
    vi.useFakeTimers();
    try {
      const scope = new Scopes().open({ timeout: { afterMs: 100, reason: 'late' } });
      vi.advanceTimersByTime(99);
      expect(scope.signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(scope.signal.reason).toBe('late');
    } finally {
      vi.useRealTimers();
    }
  });
});
