/** Less says nothing of a rate. */
const MIN_TIMED_BYTES = 1 << 16;

/** Learns a link's rate from the downloads over it: the bytes after the first chunk, over the time they took. */
export class DownloadMeter {
  #bytesPerMs: number | undefined;

  /** The best rate seen, since several downloads share the link; `undefined` before one was long enough. */
  get bytesPerMs(): number | undefined {
    return this.#bytesPerMs;
  }

  /** Begins a download; the returned function is told each chunk's size as it comes. */
  begin(): (bytes: number) => void {
    let firstMs: number | undefined;
    let timedBytes = 0;
    return (bytes) => {
      const nowMs = performance.now();
      if (firstMs === undefined) {
        firstMs = nowMs;
        return;
      }
      timedBytes += bytes;
      if (timedBytes < MIN_TIMED_BYTES || nowMs <= firstMs) return;
      this.#bytesPerMs = Math.max(this.#bytesPerMs ?? 0, timedBytes / (nowMs - firstMs));
    };
  }
}
