import type { Terminal } from './terminal.ts';

/** One line that is rewritten while something takes time; silent unless a person watches. */
export interface ProgressLine {
  /** Shows `text`; `fraction` (0 … 1), if known, as a bar. */
  show(text: string, fraction?: number): void;
  /** Takes the line away, so that a result can be printed. */
  clear(): void;
}

const BAR_WIDTH = 20;
const MIN_INTERVAL_MS = 50;
const ERASE_LINE = '\r\u001b[K';

/** A progress line on standard error. */
export function createProgress(terminal: Terminal): ProgressLine {
  if (!terminal.interactive) return { show: () => undefined, clear: () => undefined };
  let shownMs = 0;
  return {
    show: (text, fraction) => {
      const nowMs = performance.now();
      if (nowMs - shownMs < MIN_INTERVAL_MS) return;
      shownMs = nowMs;
      terminal.err(`${ERASE_LINE}${fraction === undefined ? '' : `${bar(fraction)} `}${text}`);
    },
    clear: () => terminal.err(ERASE_LINE),
  };
}

function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
  return `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}]`;
}
