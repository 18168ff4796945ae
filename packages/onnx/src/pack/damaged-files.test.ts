import { isD3Error } from '@d3/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packModel } from '../index.ts';
import { conditionalNet, shapeArithmeticNet } from '../testing/odd-graphs.ts';
import { inferWithOrt } from '../testing/ort.ts';

/** What becomes of a file with these bytes changed: packed, or the error. */
async function packDamaged(
  bytes: Uint8Array<ArrayBuffer>,
  damage: readonly (readonly [number, number])[],
): Promise<unknown> {
  const damaged = bytes.slice();
  for (const [at, value] of damage) damaged[at % damaged.byteLength] = value;
  return packModel(damaged, { name: 'damaged', infer: inferWithOrt }).catch((error: unknown) => error);
}

describe('packModel() of a damaged file', () => {
  const damage = fc.array(fc.tuple(fc.nat({ max: 2 ** 20 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });

  it.each([
    ['a condition', conditionalNet()],
    ['shape arithmetic', shapeArithmeticNet()],
  ])('packs it or says in a typed error why not (%s)', async (_, bytes) => {
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const result = await packDamaged(bytes, changes);
        if (result instanceof Error) expect(isD3Error(result), String(result)).toBe(true);
        else expect(result).toHaveProperty('manifest.layers');
      }),
      { seed: 9, numRuns: 100 },
    );
  });
});
