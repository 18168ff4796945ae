import { describe, expect, it } from 'vitest';
import { HopOverheads } from './hop-overheads.ts';

const LINK = { upBytesPerMs: 1000, downBytesPerMs: 1000, delayMs: 3 };
const link = () => LINK;
/** Takes 10 ms by the link alone. */
const crossing = (ms: number) => ({ hop: 'device-edge', bytesUp: 3000, bytesDown: 1000, ms });

describe('HopOverheads', () => {
  it('expects none of a hop that nothing crossed', () => {
    const overheads = new HopOverheads();
    overheads.observe(crossing(12), link);
    expect(overheads.expectedMs('edge-cloud')).toBe(0);
    expect(overheads.withOverhead('edge-cloud', LINK)).toEqual(LINK);
  });

  it('adds what requests took beyond the link, half to each way', () => {
    const overheads = new HopOverheads();
    for (let at = 0; at < 7; at++) overheads.observe(crossing(12), link);
    expect(overheads.expectedMs('device-edge')).toBeCloseTo(2);
    expect(overheads.withOverhead('device-edge', LINK)).toEqual({ ...LINK, delayMs: 4 });
  });

  it('is not moved by one request, and follows when more agree', () => {
    const overheads = new HopOverheads();
    overheads.observe(crossing(500), link);
    expect(overheads.expectedMs('device-edge')).toBe(0);
    for (let at = 0; at < 4; at++) overheads.observe(crossing(11), link);
    expect(overheads.expectedMs('device-edge')).toBeCloseTo(1);
  });

  it('leaves to the estimate of the link what is too much to be overhead, and never makes a delay negative', () => {
    const overheads = new HopOverheads();
    for (let at = 0; at < 7; at++) overheads.observe(crossing(1000), link);
    expect(overheads.expectedMs('device-edge')).toBe(10);
    for (let at = 0; at < 7; at++) overheads.observe(crossing(0), link);
    expect(overheads.expectedMs('device-edge')).toBeCloseTo(-3);
    expect(overheads.withOverhead('device-edge', { ...LINK, delayMs: 1 }).delayMs).toBe(0);
  });
});
