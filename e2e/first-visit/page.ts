import { type ConnectOptions, connect } from '@d3/client';

/** What a visit was like for the page. */
export interface Visit {
  /** How late a timer of the page's thread was at most while the session connected, in milliseconds, by what was being done. */
  readonly longestGapMs: Readonly<Record<string, number>>;
  /** Between the first and the last that was told of measuring the device; 0 when nothing was. */
  readonly calibrationMs: number;
  readonly backend: string | undefined;
}

const BEAT_MS = 5;

/** Connects, watching this thread, and closes. */
export async function visit(options: ConnectOptions): Promise<Visit> {
  const told: number[] = [];
  let doing = 'connect';
  const stop = watchThread(() => doing);
  const session = await connect({
    ...options,
    onProgress: ({ phase }) => {
      doing = phase;
      if (phase === 'calibrate') told.push(performance.now());
    },
  });
  const longestGapMs = stop();
  const backend = session.profiles[0]?.backend;
  await session.close();
  return { longestGapMs, calibrationMs: (told.at(-1) ?? 0) - (told[0] ?? 0), backend };
}

function watchThread(doing: () => string): () => Record<string, number> {
  const longestMs: Record<string, number> = {};
  let lastMs = performance.now();
  const beat = () => {
    const nowMs = performance.now();
    longestMs[doing()] = Math.max(longestMs[doing()] ?? 0, nowMs - lastMs - BEAT_MS);
    lastMs = nowMs;
  };
  const timer = setInterval(beat, BEAT_MS);
  return () => {
    clearInterval(timer);
    beat();
    return longestMs;
  };
}
