import { expect, it } from 'vitest';
import { Fifo } from './fifo.ts';

function later<T>(value: T, ms = 1): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

it('`Fifo.run()` runs one task at a time, in order, whatever each takes', async () => {
  const fifo = new Fifo();
  const log: string[] = [];
  const task = (name: string, ms: number) => async (): Promise<string> => {
    log.push(`${name} begins`);
    await later(undefined, ms);
    log.push(`${name} ends`);
    return name;
  };
  expect(await Promise.all([fifo.run(task('slow', 15)), fifo.run(task('quick', 1))])).toEqual(['slow', 'quick']);
  expect(log).toEqual(['slow begins', 'slow ends', 'quick begins', 'quick ends']);
});

it('`Fifo.run()` rejects a failing task alone, thrown or rejected', async () => {
  const fifo = new Fifo();
  const rejected = fifo.run(() => Promise.reject(new Error('no')));
  const thrown = fifo.run(() => {
    throw new Error('thrown');
  });
  const good = fifo.run(() => later('good'));
  await expect(rejected).rejects.toThrow('no');
  await expect(thrown).rejects.toThrow('thrown');
  expect(await good).toBe('good');
});

it('`Fifo.run()` drops a task whose signal aborts while it waits, at once', async () => {
  const fifo = new Fifo();
  const abort = new AbortController();
  let began = false;
  const first = fifo.run(() => later('first', 30));
  const second = fifo.run(async () => {
    began = true;
  }, abort.signal);
  abort.abort(new Error('not wanted'));
  await expect(second).rejects.toThrow('not wanted');
  expect(await Promise.race([first, later('still running', 5)])).toBe('still running');
  expect(await first).toBe('first');
  expect(await fifo.run(() => later('third'))).toBe('third');
  expect(began).toBe(false);
  await expect(fifo.run(() => later('never'), abort.signal)).rejects.toThrow('not wanted');
});

it('`Fifo.run()` lets a task end that has begun when its signal aborts', async () => {
  const fifo = new Fifo();
  const abort = new AbortController();
  const running = fifo.run(() => later('done', 10), abort.signal);
  await later(undefined, 2);
  abort.abort();
  expect(await running).toBe('done');
});
