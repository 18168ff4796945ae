import type { Progress } from '../session.ts';

type Phase = Progress['phase'];

/** Where each phase begins and ends on the bar; weights get the most since they take the longest. */
const SPANS: Readonly<Record<Phase, readonly [from: number, to: number]>> = {
  connect: [0, 0.1],
  calibrate: [0.1, 0.3],
  plan: [0.3, 0.35],
  weights: [0.35, 0.85],
  'warm-up': [0.85, 1],
  ready: [1, 1],
};

/** One aggregate bar over all phases, which never falls and reaches 1 only at `ready`. */
export class ProgressBar {
  readonly #report: (progress: Progress) => void;
  #phase: Phase = 'connect';
  #fraction = 0;
  #loadedBytes = 0;
  #totalBytes = 0;
  #cachedBytes = 0;

  constructor(report: (progress: Progress) => void) {
    this.#report = report;
  }

  /** Begins a phase. */
  enter(phase: Phase): void {
    this.#phase = phase;
    this.#advance(SPANS[phase][0]);
  }

  /** Says which share of the device's calibration is done; it may run beside the loading of the model. */
  addCalibrated(share: number): void {
    if (this.#phase !== 'calibrate') return;
    const [from, to] = SPANS.calibrate;
    this.#advance(from + (to - from) * Math.min(1, share));
  }

  /** Says how many bytes the weights phase will load. */
  expectBytes(totalBytes: number): void {
    this.#totalBytes = totalBytes;
    if (totalBytes === 0) this.#advance(SPANS.weights[1]);
  }

  /** Counts bytes that are there, from the network or a cache. A negative count takes back what proved corrupt. */
  addBytes(bytes: number, cached: boolean): void {
    this.#loadedBytes += bytes;
    if (cached) this.#cachedBytes += bytes;
    const [from, to] = SPANS.weights;
    const share = this.#totalBytes === 0 ? 1 : Math.min(1, this.#loadedBytes / this.#totalBytes);
    this.#advance(from + (to - from) * share);
  }

  #advance(fraction: number): void {
    this.#fraction = Math.max(this.#fraction, fraction);
    this.#report({
      phase: this.#phase,
      fraction: this.#fraction,
      loadedBytes: this.#loadedBytes,
      totalBytes: this.#totalBytes,
      cachedBytes: this.#cachedBytes,
    });
  }
}
