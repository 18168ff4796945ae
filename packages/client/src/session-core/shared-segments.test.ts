import type { SegmentSession } from '@d3/runtime';
import { describe, expect, it, vi } from 'vitest';
import { SharedSegments } from './shared-segments.ts';

function fakeSession(): SegmentSession & { readonly dispose: ReturnType<typeof vi.fn> } {
  return {
    backend: 'cpu',
    run: () => Promise.reject(new Error('not run here')),
    dispose: vi.fn(() => Promise.resolve()),
  };
}

describe('SharedSegments', () => {
  it('makes a segment once for all its users, and frees it after the last', async () => {
    const segments = new SharedSegments();
    const session = fakeSession();
    const make = vi.fn(() => Promise.resolve(session));
    const [first, second] = await Promise.all([segments.lease('a', make), segments.lease('a', make)]);
    expect(make).toHaveBeenCalledTimes(1);
    expect(second.session).toBe(first.session);
    first.release();
    first.release();
    await Promise.resolve();
    expect(session.dispose).not.toHaveBeenCalled();
    second.release();
    await vi.waitFor(() => expect(session.dispose).toHaveBeenCalledTimes(1));
  });

  it('forgets a segment that could not be made, so that it can be tried again', async () => {
    const segments = new SharedSegments();
    await expect(segments.lease('a', () => Promise.reject(new Error('no memory')))).rejects.toThrow('no memory');
    const session = fakeSession();
    expect((await segments.lease('a', () => Promise.resolve(session))).session).toBe(session);
  });
});
