import { describe, expect, it, vi } from 'vitest';
import { Epoch, type EpochParts } from './epoch.ts';

function epochWith(release: () => void, freed: () => void): Epoch {
  return new Epoch({ number: 1, stages: [{ layers: [], lease: { release } }] } as unknown as EpochParts, freed);
}

describe('Epoch', () => {
  it('is released only when it is retired and its last request has ended', () => {
    const [release, freed] = [vi.fn(), vi.fn()];
    const epoch = epochWith(release, freed);
    const [first, second] = [epoch.hold(), epoch.hold()];
    first();
    epoch.retire();
    expect(freed).not.toHaveBeenCalled();
    second();
    expect(release).toHaveBeenCalledTimes(1);
    expect(freed).toHaveBeenCalledTimes(1);
  });

  it('lets each request go once, and is released once', () => {
    const [release, freed] = [vi.fn(), vi.fn()];
    const epoch = epochWith(release, freed);
    const [first, second] = [epoch.hold(), epoch.hold()];
    first();
    first();
    expect(epoch.requests).toBe(1);
    epoch.retire();
    second();
    epoch.retire();
    expect(freed).toHaveBeenCalledTimes(1);
  });

  it('without requests is released as it is retired', () => {
    const [release, freed] = [vi.fn(), vi.fn()];
    epochWith(release, freed).retire();
    expect(release).toHaveBeenCalledTimes(1);
  });
});
