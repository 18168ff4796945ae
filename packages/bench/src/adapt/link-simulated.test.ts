import { Random } from '@d3/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LinkCell } from './link-bed.ts';
import { type LinkErrorRow, measureLinkError } from './link-error.ts';
import { openSimulatedLink } from './link-simulated.ts';
import { VirtualClock } from './virtual-clock.ts';

const turn = setImmediate;
let clock = new VirtualClock(1000);

/** Timers that know parts of a millisecond, unlike those of test runners. */
function useClock(): void {
  clock = new VirtualClock(1000);
  vi.stubGlobal('performance', { now: () => clock.nowMs, timeOrigin: 0 });
  vi.stubGlobal('setTimeout', (run: () => void, ms = 0) => {
    const timer = { run };
    clock.at(clock.nowMs + Math.max(0, ms), () => timer.run());
    return timer;
  });
  vi.stubGlobal('clearTimeout', (timer: { run: () => void } | undefined) => {
    if (timer !== undefined) timer.run = () => undefined;
  });
}

async function rowsOf(cell: LinkCell, lateMs?: () => number): Promise<readonly LinkErrorRow[]> {
  const settled = { rows: undefined as readonly LinkErrorRow[] | undefined };
  const measured = measureLinkError({
    full: true,
    cells: [cell],
    open: (each) => openSimulatedLink(each, lateMs),
  }).then(({ rows }) => {
    settled.rows = rows;
  });
  while (settled.rows === undefined) {
    await new Promise((resolve) => turn(resolve));
    clock.runUntil(onceDone());
  }
  await measured;
  return settled.rows;
}

/** Lets one event happen. */
function onceDone(): () => boolean {
  let events = 0;
  return () => events++ > 0;
}

describe('measureLinkError() on a simulated link', { timeout: 60_000 }, () => {
  beforeEach(useClock);
  afterEach(() => void vi.unstubAllGlobals());

  for (const mbit of [1, 2, 5, 10, 20, 30, 50, 100, 200]) {
    it(`finds rates within 5 %, and times of transfers within 10 %, at ${mbit} Mbit/s`, async () => {
      for (const roundTripMs of [1, 10, 20, 50, 150]) {
        const rows = await rowsOf({ mbit, roundTripMs });
        expect(rows.length).toBeGreaterThanOrEqual(2);
        for (const row of rows) expect(row.error, JSON.stringify(row)).toBeLessThan(row.what === 'rate' ? 0.05 : 0.1);
      }
    });
  }

  it('stays within 10 and 15 % where one message in 20 is up to 3 ms late', async () => {
    const random = new Random(12);
    const lateMs = () => random.between(0, random.between(0, 1) < 0.05 ? 3 : 0.3);
    for (const mbit of [1, 5, 20, 50]) {
      for (const roundTripMs of [5, 50]) {
        for (const row of await rowsOf({ mbit, roundTripMs }, lateMs)) {
          expect(row.error, JSON.stringify(row)).toBeLessThan(row.what === 'rate' ? 0.1 : 0.15);
        }
      }
    }
  });
});
