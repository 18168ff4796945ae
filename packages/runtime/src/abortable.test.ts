import { describe, expect, it } from 'vitest';
import { abortable } from './abortable.ts';

describe('abortable()', () => {
  it('settles with the work, or at once with the reason', async () => {
    const controller = new AbortController();
    expect(await abortable(Promise.resolve(1), controller.signal)).toBe(1);
    const endless = abortable(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('stop'));
    await expect(endless).rejects.toThrow('stop');
    await expect(abortable(new Promise(() => undefined), controller.signal)).rejects.toThrow('stop');
  });
});
