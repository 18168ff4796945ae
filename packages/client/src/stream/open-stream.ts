import { clientError } from '../errors.ts';
import type { InferInput, InferOptions, InferResult, Session, StreamedFrame, StreamOptions } from '../session.ts';
import { MAX_STREAM_DEPTH, streamDepth } from './stream-depth.ts';
import { type FrameSource, iteratorOf, streamFrames } from './stream-frames.ts';
import type { ThroughputGoal } from './throughput-goal.ts';

/** What a stream needs of its session. */
export interface StreamHost {
  readonly session: Pick<Session, 'report'>;
  readonly goal: ThroughputGoal;
  /** Runs one frame; whether its memory is handed over is up to this function. */
  readonly infer: (input: InferInput, options: InferOptions) => Promise<InferResult>;
}

/**
 * Checks the options of `Session.stream()` and opens the stream; nothing is taken from the source before the first result is asked
 * for.
 *
 * @throws D3Error `CLIENT_OPTION_INVALID`; TypeError for a source that cannot be iterated over
 */
export function openStream(
  source: FrameSource,
  options: StreamOptions,
  { session, goal, infer }: StreamHost,
): AsyncGenerator<StreamedFrame, void, void> {
  const { signal, maxInFlight = MAX_STREAM_DEPTH, objective = 'throughput', deadlineMs, inspect } = options;
  if (!(Number.isInteger(maxInFlight) && maxInFlight >= 1 && maxInFlight <= MAX_STREAM_DEPTH)) {
    const remedy = `give a whole number from 1 to ${MAX_STREAM_DEPTH}`;
    throw clientError('CLIENT_OPTION_INVALID', { option: 'maxInFlight', value: String(maxInFlight), remedy });
  }
  if (objective !== 'throughput' && objective !== 'keep') {
    const remedy = "use 'throughput' or 'keep'";
    throw clientError('CLIENT_OPTION_INVALID', { option: 'objective', value: JSON.stringify(objective), remedy });
  }
  const frames = iteratorOf(source);
  const rest = { ...(deadlineMs !== undefined && { deadlineMs }), ...(inspect !== undefined && { inspect }) };
  const parts = {
    signal,
    infer: (input: InferInput, frameSignal: AbortSignal) => infer(input, { ...rest, signal: frameSignal }),
    depth: () => Math.min(maxInFlight, streamDepth(session.report)),
  };
  return withGoal(objective === 'throughput' ? goal : undefined, () => streamFrames(frames, parts));
}

async function* withGoal(
  goal: ThroughputGoal | undefined,
  open: () => AsyncGenerator<StreamedFrame, void, void>,
): AsyncGenerator<StreamedFrame, void, void> {
  const leave = goal?.enter();
  try {
    yield* open();
  } finally {
    leave?.();
  }
}
