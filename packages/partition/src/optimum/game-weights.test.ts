import { describe, expect, it } from 'vitest';
import { gameWeights } from './game-weights.ts';

const least = (columns: readonly (readonly number[])[], weights: readonly number[]) =>
  Math.min(...columns.map((column) => column.reduce((sum, value, row) => sum + value * (weights[row] ?? 0), 0)));

describe('gameWeights()', () => {
  it('gives equal weights to rows that matter alike', () => {
    const weights = gameWeights([
      [1, 0],
      [0, 1],
    ]);
    expect(weights[0]).toBeCloseTo(0.5, 1);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  it('comes within a twentieth of the value of a game (here 2/3: one part to two)', () => {
    const columns = [
      [2, 0],
      [0, 1],
    ];
    expect(least(columns, gameWeights(columns))).toBeGreaterThan((2 / 3) * 0.95);
  });

  it('puts everything on a row that is best against every column', () => {
    expect(gameWeights([[3, 1, 2]])[0]).toBeGreaterThan(0.95);
  });
});
