import { describe, expect, it } from 'vitest';
import { FakeClock } from '../index.ts';

describe('FakeClock', () => {
  it('runs timers in the order of time, each at its own time, those set on the way included', async () => {
    const clock = new FakeClock(100);
    const log: string[] = [];
    clock.schedule(() => log.push(`b ${clock.now()}`), 20);
    clock.schedule(() => log.push(`c ${clock.now()}`), 20);
    clock.schedule(() => {
      log.push(`a ${clock.now()}`);
      clock.schedule(() => log.push(`a2 ${clock.now()}`), 5);
    }, 10);
    await clock.advance(20);
    expect(log).toEqual(['a 110', 'a2 115', 'b 120', 'c 120']);
    expect(clock.now()).toBe(120);
  });

  it('lets a sleeper go on before later timers', async () => {
    const clock = new FakeClock();
    const log: number[] = [];
    const sleeper = (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await clock.sleep(10);
        log.push(clock.now());
      }
    })();
    await clock.advance(30);
    await sleeper;
    expect(log).toEqual([10, 20, 30]);
  });

  it('forgets what was cancelled and keeps what is not due', async () => {
    const clock = new FakeClock();
    let ran = 0;
    clock.schedule(() => ran++, 5)();
    clock.schedule(() => ran++, 50);
    await clock.advance(10);
    expect([ran, clock.pending]).toEqual([0, 1]);
  });
});
