import type { AssembledFrame } from '@d3/protocol';
import { describe, expect, it } from 'vitest';
import type { PreparedEpoch } from './prepared-epoch.ts';
import { type RequestServices, runRequest } from './run-request.ts';

describe('runRequest()', () => {
  it('does not wait past its signal for a next tier that prepares anew', async () => {
    const services = { tier: 'edge', nextTier: { ready: () => new Promise(() => {}) } } as unknown as RequestServices;
    const epoch = { plan: { continues: true, upward: [] }, outputs: [], proposal: {} } as unknown as PreparedEpoch;
    const frame = { header: { request: 1, tensors: [] }, tensors: {} } as unknown as AssembledFrame;
    const late = new AbortController();
    const running = runRequest(services, epoch, frame, { signal: late.signal, endsMs: undefined });
    late.abort(new Error('too late'));
    await expect(running).rejects.toThrow('too late');
  });
});
