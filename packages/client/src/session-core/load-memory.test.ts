import { describe, expect, it } from 'vitest';
import { LoadMemory } from './load-memory.ts';

describe('LoadMemory', () => {
  it('believes a load as it was seen, and less and less when nothing more was seen of it', () => {
    const memory = new LoadMemory();
    memory.ran(4, 1, 0);
    expect(memory.believed(4, 2_000)).toBe(4);
    expect(memory.believed(4, 7_000)).toBeCloseTo(2);
    expect(memory.believed(4, 60_000)).toBeLessThan(1.05);
  });

  it('does not forget that a device is faster than it was calibrated', () => {
    const memory = new LoadMemory();
    memory.ran(0.5, 1, 0);
    expect(memory.believed(0.5, 60_000)).toBe(0.5);
  });

  it('believes a load that was found as it was for twice as long, until it is not', () => {
    const memory = new LoadMemory();
    memory.ran(1, 4, 0);
    memory.ran(1.1, 4, 20_000);
    expect(memory.believed(4, 20_000 + 12_000)).toBeCloseTo(2);
    memory.ran(0.25, 4, 60_000);
    expect(memory.believed(4, 60_000 + 7_000)).toBeCloseTo(2);
  });
});
