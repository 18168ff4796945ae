import { describe, expect, it, vi } from 'vitest';
import { clientError } from '../errors.ts';
import type { InferInput, InferResult, StreamedFrame } from '../session.ts';
import { iteratorOf, type StreamParts, streamFrames } from './stream-frames.ts';

const frame = (id: number) => ({ kind: 'tensors', tensors: {}, id }) as unknown as InferInput;
const idOf = (input: InferInput) => (input as unknown as { id: number }).id;
const answer = (input: InferInput) => ({ epoch: idOf(input) }) as InferResult;

/** Requests that end when the test says so. */
class Manual {
  readonly begun: number[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #ends = new Map<number, { ok: () => void; fail: (error: unknown) => void }>();

  readonly infer: StreamParts['infer'] = (input, signal) => {
    this.begun.push(idOf(input));
    this.signals.push(signal);
    return new Promise((resolve, reject) => {
      this.#ends.set(idOf(input), { ok: () => resolve(answer(input)), fail: reject });
    });
  };

  ok(id: number): void {
    this.#ends.get(id)?.ok();
  }

  fail(id: number, error: unknown): void {
    this.#ends.get(id)?.fail(error);
  }
}

function* numbers(count: number): Generator<InferInput> {
  for (let id = 0; id < count; id += 1) yield frame(id);
}

const open = (source: Iterable<InferInput> | AsyncIterable<InferInput>, parts: StreamParts) =>
  streamFrames(iteratorOf(source), parts);
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
const idsOf = (frames: readonly StreamedFrame[]) => frames.map(({ result, index }) => [index, result?.epoch]);

async function collect(frames: AsyncIterable<StreamedFrame>): Promise<StreamedFrame[]> {
  const all: StreamedFrame[] = [];
  for await (const each of frames) all.push(each);
  return all;
}

describe('streamFrames()', () => {
  it('yields in the order of the source, whatever ends first', async () => {
    const manual = new Manual();
    const all = collect(open(numbers(3), { infer: manual.infer, depth: () => 3 }));
    await turn();
    for (const id of [2, 0, 1]) manual.ok(id);
    expect(idsOf(await all)).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
  });

  it('takes no more from the source than its depth, results that wait for the consumer included', async () => {
    const manual = new Manual();
    const taken = vi.fn();
    function* counted() {
      for (const input of numbers(10)) {
        taken();
        yield input;
      }
    }
    const frames = open(counted(), { infer: manual.infer, depth: () => 2 });
    const first = frames.next();
    await turn();
    expect(manual.begun).toEqual([0, 1]);
    manual.ok(0);
    manual.ok(1);
    await first;
    await turn();
    // One was taken by the consumer, so one more is under way; its neighbour is done and waits.
    expect(manual.begun).toEqual([0, 1, 2]);
    await turn();
    expect(taken).toHaveBeenCalledTimes(3);
    await frames.return();
  });

  it('follows a depth that grows while it runs', async () => {
    const manual = new Manual();
    let depth = 1;
    const frames = open(numbers(10), { infer: manual.infer, depth: () => depth });
    const first = frames.next();
    await turn();
    expect(manual.begun).toEqual([0]);
    depth = 4;
    manual.ok(0);
    await first;
    await turn();
    expect(manual.begun).toEqual([0, 1, 2, 3, 4]);
    await frames.return();
  });

  it('yields a failed frame with its error, and goes on', async () => {
    const broken = new Error('broken');
    const infer: StreamParts['infer'] = (input) =>
      idOf(input) === 1 ? Promise.reject(broken) : Promise.resolve(answer(input));
    const all = await collect(open(numbers(3), { infer, depth: () => 2 }));
    expect(all.map(({ error }) => error)).toEqual([undefined, broken, undefined]);
  });

  it('throws what the source throws, after the frames before it', async () => {
    async function* failing(): AsyncGenerator<InferInput> {
      yield frame(0);
      throw new Error('camera gone');
    }
    const seen: StreamedFrame[] = [];
    const run = (async () => {
      const infer = (input: InferInput) => Promise.resolve(answer(input));
      for await (const each of open(failing(), { infer, depth: () => 2 })) seen.push(each);
    })();
    await expect(run).rejects.toThrow('camera gone');
    expect(idsOf(seen)).toEqual([[0, 0]]);
  });

  it('ends with the signal’s reason at once, and aborts what is under way', async () => {
    const manual = new Manual();
    const cancel = new AbortController();
    const all = collect(open(numbers(5), { infer: manual.infer, depth: () => 3, signal: cancel.signal }));
    await turn();
    cancel.abort(new Error('enough'));
    await expect(all).rejects.toThrow('enough');
    expect(manual.signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it('waits for no source that hangs when it is aborted', async () => {
    const cancel = new AbortController();
    const hanging = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
    const all = collect(open(hanging, { infer: new Manual().infer, depth: () => 1, signal: cancel.signal }));
    await turn();
    cancel.abort(new Error('enough'));
    await expect(all).rejects.toThrow('enough');
  });

  it('lets go of the source, and aborts what is under way, when its consumer leaves', async () => {
    const manual = new Manual();
    const left = vi.fn();
    function* source() {
      try {
        yield* numbers(5);
      } finally {
        left();
      }
    }
    const infer: StreamParts['infer'] = (input, signal) => {
      const running = manual.infer(input, signal);
      return idOf(input) === 0 ? Promise.resolve(answer(input)) : running;
    };
    for await (const _ of open(source(), { infer, depth: () => 2 })) break;
    await turn();
    expect(left).toHaveBeenCalledTimes(1);
    expect(manual.signals.slice(1).map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('ends when the session does, instead of failing frame after frame', async () => {
    const infer = () => Promise.reject(clientError('CLIENT_CLOSED', { reason: 'close() was called' }));
    await expect(collect(open(numbers(1000), { infer, depth: () => 2 }))).rejects.toMatchObject({
      code: 'CLIENT_CLOSED',
    });
  });

  it('refuses what cannot be iterated over', () => {
    expect(() => iteratorOf(undefined as unknown as Iterable<InferInput>)).toThrow(TypeError);
  });
});
