import { type LinkEstimate, leftBand, type TierProfile } from '@d3/profile';
import { loadLeftBand } from '../load/load-band.ts';

/** What nearer tiers are told of this tier and those behind it. */
export interface TierStatus {
  /** Nearest first. */
  readonly profiles: readonly TierProfile[];
  /** Between them. */
  readonly links: readonly LinkEstimate[];
  /** Name → hash of the models that can be had. */
  readonly models: Readonly<Record<string, string>>;
}

/** Where a status comes from and goes to. */
export interface StatusAnnouncerOptions {
  readonly current: () => TierStatus;
  readonly send: (status: TierStatus) => void;
}

const AT_MOST_EVERY_MS = 250;
/** Costs that runs correct move a little with each: they are said with what else is said, and on their own so seldom. */
const CORRECTIONS_EVERY_MS = 5_000;

/**
 * Says how this tier and those behind it are, whenever they are no longer as they were last announced: at once when a tier came or went or
 * a model changed, else when a load or a link left its band, at most every 250 ms.
 */
export class StatusAnnouncer {
  readonly #options: StatusAnnouncerOptions;
  #announced: TierStatus;
  #announcedMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StatusAnnouncerOptions) {
    this.#options = options;
    this.#announced = options.current();
    this.#announcedMs = performance.now() - AT_MOST_EVERY_MS;
  }

  /** To be called whenever something may have changed; cheap when nothing did. */
  check(): void {
    const now = this.#options.current();
    const other = isOther(this.#announced, now);
    const sinceMs = performance.now() - this.#announcedMs;
    const slowly = sinceMs >= CORRECTIONS_EVERY_MS && corrected(this.#announced, now);
    if (!other && !slowly && !changed(this.#announced, now)) return;
    const waitMs = AT_MOST_EVERY_MS - sinceMs;
    if (other || waitMs <= 0) this.#announce(now);
    else this.#checkIn(waitMs);
  }

  /** Announces nothing more. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #checkIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.check();
    }, ms).unref();
  }

  #announce(status: TierStatus): void {
    this.#announced = status;
    this.#announcedMs = performance.now();
    this.#options.send(status);
  }
}

/** Whether, of the same tiers, a profile or a link is another one. */
function changed(before: TierStatus, now: TierStatus): boolean {
  return (
    now.profiles.some((profile, index) => profileChanged(before.profiles[index], profile)) ||
    now.links.some((link, index) => {
      const old = before.links[index];
      return old === undefined || leftBand(old, link);
    })
  );
}

/** Whether there are other tiers or other models. */
function isOther(before: TierStatus, now: TierStatus): boolean {
  const named = ({ profiles }: TierStatus) => profiles.map(({ tier }) => tier).join('\n');
  if (named(before) !== named(now)) return true;
  const names = Object.keys(now.models);
  return (
    names.length !== Object.keys(before.models).length || names.some((name) => now.models[name] !== before.models[name])
  );
}

/** A load out of its band, or another machine. */
function profileChanged(before: TierProfile | undefined, now: TierProfile): boolean {
  if (before === undefined || loadLeftBand(before.load, now.load)) return true;
  const { backend, gflops, concurrency, slowdown } = now;
  return (
    before.backend !== backend ||
    before.gflops !== gflops ||
    before.concurrency !== concurrency ||
    before.slowdown !== slowdown
  );
}

/** Whether runs have corrected what a tier's layers cost. */
function corrected(before: TierStatus, now: TierStatus): boolean {
  return now.profiles.some(({ fixedMs, terms }, index) => {
    const old = before.profiles[index];
    return old?.fixedMs !== fixedMs || old.terms !== terms;
  });
}
