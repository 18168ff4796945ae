import type { ModelStore } from './model-store.ts';

const LOOK_EVERY_MS = 2_000;

/**
 * Looks at the models on this machine now and then, and tells whenever a name stands for another hash, or is new or gone. Looking is
 * cheap: manifests are parsed once per change.
 *
 * @param onChange - given name → hash of all; called for the first time at the first look
 * @returns ends it
 */
export function watchModels(
  store: ModelStore,
  onChange: (names: Readonly<Record<string, string>>) => void,
): () => void {
  let known = '';
  const look = async (): Promise<void> => {
    const names = await store.namesHere();
    const text = JSON.stringify(Object.entries(names).sort());
    if (text === known) return;
    known = text;
    onChange(names);
  };
  // A folder that cannot be read now may be readable later.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
