import { D3Error } from '@d3/errors';
import * as Comlink from 'comlink';
import { describe, expect, it } from 'vitest';
import { PendingCalls } from './pending-calls.ts';
import { type Outcome, outcomeOf, WorkerCalls } from './worker-calls.ts';

interface Api {
  double(bytes: Uint8Array<ArrayBuffer>): Promise<Outcome<Uint8Array<ArrayBuffer>>>;
  fail(): Promise<Outcome<never>>;
  hang(): Promise<Outcome<never>>;
}

function connect(): { calls: WorkerCalls<Api>; farPort: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  const api: Api = {
    double: (bytes) =>
      outcomeOf(
        () => bytes.map((byte) => 2 * byte),
        (result) => [result.buffer],
      ),
    fail: () =>
      outcomeOf(() => {
        throw new D3Error('TOY_BROKEN', 'broken', { status: 418, retryable: true, details: { toy: 'duck' } });
      }),
    hang: () => new Promise(() => undefined),
  };
  Comlink.expose(api, port1);
  return { calls: new WorkerCalls<Api>(port2), farPort: port1 };
}

describe('WorkerCalls', () => {
  it('`call()` answers, with buffers transferred', async () => {
    const { calls } = connect();
    const bytes = Uint8Array.of(1, 2, 3);
    expect(await calls.call((remote) => remote.double(Comlink.transfer(bytes, [bytes.buffer])))).toEqual(
      Uint8Array.of(2, 4, 6),
    );
    expect(bytes.byteLength).toBe(0);
    calls.end(new Error('over'));
  });

  it("`call()` rejects with the worker's error, code and details included", async () => {
    const { calls } = connect();
    const error = await calls.call((remote) => remote.fail()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(D3Error);
    expect(error).toMatchObject({ code: 'TOY_BROKEN', status: 418, retryable: true, details: { toy: 'duck' } });
    calls.end(new Error('over'));
  });

  it('`end()` rejects what is pending and what comes later, once', async () => {
    const { calls } = connect();
    const hanging = calls.call((remote) => remote.hang());
    calls.end(new Error('the worker is gone'));
    calls.end(new Error('another reason'));
    await expect(hanging).rejects.toThrow('the worker is gone');
    await expect(calls.call((remote) => remote.hang())).rejects.toThrow('the worker is gone');
  });

  it('rejects a value that cannot be sent, and answers afterwards', async () => {
    const { calls } = connect();
    const unsendable = (() => undefined) as unknown as Uint8Array<ArrayBuffer>;
    await expect(calls.call((remote) => remote.double(unsendable))).rejects.toThrow();
    expect(await calls.call((remote) => remote.double(Uint8Array.of(4)))).toEqual(Uint8Array.of(8));
    calls.end(new Error('over'));
  });
});

describe('PendingCalls', () => {
  it('`own()` settles as what it started does', async () => {
    const pending = new PendingCalls();
    expect(await pending.own(() => Promise.resolve(5))).toBe(5);
    await expect(pending.own(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const throwing = pending.own(() => {
      throw new Error('thrown');
    });
    await expect(throwing).rejects.toThrow('thrown');
  });

  it('`own()` starts nothing after `end()`', async () => {
    const pending = new PendingCalls();
    pending.end(new Error('over'));
    let started = false;
    const late = pending.own(async () => {
      started = true;
    });
    await expect(late).rejects.toThrow('over');
    expect(started).toBe(false);
    expect(pending.ended).toBe(true);
  });
});
