import { describe, expect, it } from 'vitest';
import { formatBytes, formatMs } from './format.ts';

describe('format', () => {
  it('formatBytes() uses powers of 1000', () => {
    expect([0, 999, 98_304, 1_400_000].map(formatBytes)).toEqual(['0 B', '999 B', '98.3 kB', '1.40 MB']);
  });
  it('formatMs() keeps three digits', () => {
    expect([0.1234, 3.456, 45.67, 123.4, 2500].map(formatMs)).toEqual([
      '0.12 ms',
      '3.46 ms',
      '45.7 ms',
      '123 ms',
      '2.50 s',
    ]);
  });
});
