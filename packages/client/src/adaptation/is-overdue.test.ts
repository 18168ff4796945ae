import { describe, expect, it } from 'vitest';
import { isOverdue } from './is-overdue.ts';

describe('isOverdue', () => {
  it('says no of a request that takes what it was expected to, however far it is', () => {
    expect(isOverdue({ expectedMs: 100, elapsedMs: 0, leftMs: 100 })).toBe(false);
    expect(isOverdue({ expectedMs: 100, elapsedMs: 90, leftMs: 30 })).toBe(false);
    expect(isOverdue({ expectedMs: 4, elapsedMs: 4, leftMs: 5 })).toBe(false);
  });

  it('says yes of one that its link holds up', () => {
    expect(isOverdue({ expectedMs: 100, elapsedMs: 10, leftMs: 350 })).toBe(true);
    expect(isOverdue({ expectedMs: 4, elapsedMs: 40, leftMs: 40 })).toBe(true);
  });
});
