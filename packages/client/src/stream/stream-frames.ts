import { isD3Error } from '@d3/errors';
import { abortable } from '@d3/runtime';
import type { InferInput, InferResult, StreamedFrame } from '../session.ts';

/** Where frames come from: anything that can be iterated over. */
export type FrameSource = AsyncIterable<InferInput> | Iterable<InferInput>;

/** A {@link FrameSource} being iterated over. */
export type FrameIterator = AsyncIterator<InferInput> | Iterator<InferInput>;

/** What {@link streamFrames} works with. */
export interface StreamParts {
  /** Runs one frame. */
  readonly infer: (input: InferInput, signal: AbortSignal) => Promise<InferResult>;
  /** How many frames may be under way now; asked again before each. */
  readonly depth: () => number;
  /** Ends the stream with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs frames as they come and yields their outcomes in the order of the source. A frame is taken from the source only while fewer
 * than `depth` wait for their turn to be yielded, so a slow consumer slows the source down. A frame that fails is yielded with its
 * error; the others go on. The end of the session ends the stream.
 *
 * @throws what the source throws, after the frames before; the signal's reason; `CLIENT_CLOSED`
 */
export async function* streamFrames(
  source: FrameIterator,
  parts: StreamParts,
): AsyncGenerator<StreamedFrame, void, void> {
  const intake = new Intake(source, parts);
  try {
    for (let frame = await intake.next(); frame !== undefined; frame = await intake.next()) yield frame;
  } finally {
    intake.end();
  }
}

/** Takes frames in ahead of their turn. */
class Intake {
  readonly #source: FrameIterator;
  readonly #parts: StreamParts;
  readonly #abort = new AbortController();
  /** Of frames under way: each listens to its own, so that no signal has a crowd of listeners. */
  readonly #running = new Set<AbortController>();
  readonly #stop = (): void => this.#abortAll(this.#parts.signal?.reason);
  /** Frames under way or waiting for their turn, in order. */
  readonly #frames: Promise<StreamedFrame>[] = [];
  #pulling: Promise<void> | undefined;
  #taken = 0;
  #exhausted = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: FrameIterator, parts: StreamParts) {
    this.#source = source;
    this.#parts = parts;
    if (parts.signal?.aborted === true) this.#stop();
    parts.signal?.addEventListener('abort', this.#stop, { once: true });
  }

  /** The next outcome; `undefined` after the last. */
  async next(): Promise<StreamedFrame | undefined> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    this.#pull();
    while (this.#frames.length === 0 && this.#pulling !== undefined) await abortable(this.#pulling, signal);
    const [first] = this.#frames;
    if (first === undefined) {
      if (this.#failure !== undefined) throw this.#failure.error;
      return undefined;
    }
    const frame = await abortable(first, signal);
    if (isD3Error(frame.error, 'CLIENT_CLOSED')) throw frame.error;
    this.#frames.shift();
    this.#pull();
    return frame;
  }

  /** Drops what is under way and lets go of the source. */
  end(): void {
    this.#parts.signal?.removeEventListener('abort', this.#stop);
    this.#abortAll(new DOMException('The stream was left', 'AbortError'));
    if (this.#exhausted) return;
    this.#exhausted = true;
    // Whoever leaves a stream does not wait for what feeds it.
    this.#letGo().catch(() => undefined);
  }

  async #letGo(): Promise<void> {
    await this.#source.return?.();
  }

  /** Takes frames for as long as there is room, one after the other. */
  #pull(): void {
    if (this.#exhausted || this.#pulling !== undefined || this.#frames.length >= this.#parts.depth()) return;
    this.#pulling = this.#take().finally(() => {
      this.#pulling = undefined;
      this.#pull();
    });
  }

  async #take(): Promise<void> {
    try {
      const { done, value } = await this.#source.next();
      if (this.#exhausted) return;
      if (done === true) this.#exhausted = true;
      else this.#frames.push(this.#run(value, this.#taken++));
    } catch (error) {
      this.#exhausted = true;
      this.#failure = { error };
    }
  }

  async #run(input: InferInput, index: number): Promise<StreamedFrame> {
    const abort = new AbortController();
    this.#running.add(abort);
    if (this.#abort.signal.aborted) abort.abort(this.#abort.signal.reason);
    try {
      return { index, result: await this.#parts.infer(input, abort.signal) };
    } catch (error) {
      return { index, error };
    } finally {
      this.#running.delete(abort);
    }
  }

  #abortAll(reason: unknown): void {
    this.#abort.abort(reason);
    for (const abort of this.#running) abort.abort(reason);
  }
}

/** @throws TypeError for what cannot be iterated over */
export function iteratorOf(source: FrameSource): FrameIterator {
  const { [Symbol.asyncIterator]: asynchronous } = (source ?? {}) as Partial<AsyncIterable<InferInput>>;
  if (asynchronous !== undefined) return asynchronous.call(source);
  const { [Symbol.iterator]: synchronous } = (source ?? {}) as Partial<Iterable<InferInput>>;
  if (synchronous !== undefined) return synchronous.call(source);
  throw new TypeError('stream() takes an iterable, or an async iterable, of inputs');
}
