import type { LoadedModel } from './load-model.ts';

/** What a {@link Standby} needs to know. */
export interface StandbyParts {
  readonly model: LoadedModel;
  /** Weights that the device may hold. */
  readonly memoryBytes: number;
  /** Whether a request runs, which a download would delay. */
  readonly busy: () => boolean;
  readonly ending: AbortSignal;
}

const LOOK_EVERY_MS = 500;
/** A session that is used has the next request at any moment: only one that rested for so long is taken to be idle. */
const IDLE_LOOKS = 3;

/**
 * Fetches, one blob at a time and only while no request runs, the weights that the device lacks, so that it can go on alone when
 * every other tier is lost. Does nothing for a model that is larger than the device may hold.
 */
export function standBy({ model, memoryBytes, busy, ending }: StandbyParts): void {
  const { manifest, store } = model;
  if (manifest.totalWeightBytes > memoryBytes) return;
  const missing = manifest.weights.filter(({ id }) => !store.holds(id));
  let idleLooks = 0;
  const look = async (): Promise<void> => {
    idleLooks = busy() ? 0 : idleLooks + 1;
    if (idleLooks < IDLE_LOOKS) return again();
    let next = missing.pop();
    while (next !== undefined && store.holds(next.id)) next = missing.pop();
    if (next === undefined) return;
    try {
      await store.readWeights([next], { signal: ending });
    } catch {
      // Whoever is to run the layer says why; meanwhile the link may come back.
      missing.unshift(next);
      idleLooks = 0;
    }
    again(idleLooks === 0 ? LOOK_EVERY_MS : 0);
  };
  const again = (afterMs = LOOK_EVERY_MS): void => {
    if (ending.aborted) return;
    const timer = setTimeout(() => {
      ending.removeEventListener('abort', stop);
      void look();
    }, afterMs);
    const stop = () => clearTimeout(timer);
    ending.addEventListener('abort', stop, { once: true });
  };
  again();
}
