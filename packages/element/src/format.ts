/** Bytes for people: `98.3 kB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const kilo = bytes / 1000;
  return kilo < 1000 ? `${kilo.toPrecision(3)} kB` : `${(kilo / 1000).toPrecision(3)} MB`;
}

/** Milliseconds for people: three digits, seconds from 1000 on. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 100 ? `${ms.toFixed(0)} ms` : `${ms.toPrecision(ms < 1 ? 2 : 3)} ms`;
}
