import type { ControlMap } from '@d3/protocol';

const TYPES: readonly (keyof ControlMap)[] = ['hello', 'propose', 'release', 'ping'];

/**
 * Type and id of a control request that could not be parsed in full, so that its sender can be answered instead of left waiting;
 * undefined if there is none to be seen.
 */
export function recognisableRequest(
  text: string,
): { readonly type: keyof ControlMap; readonly id: number } | undefined {
  try {
    const { type, id } = JSON.parse(text) as { type?: unknown; id?: unknown };
    const known = TYPES.find((candidate) => candidate === type);
    return known !== undefined && typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 && id <= 0xffff_ffff
      ? { type: known, id }
      : undefined;
  } catch {
    return undefined;
  }
}
