/** Rounds of the game: enough for weights within some percent of the best, in less time than a minimum cut takes. */
const ROUNDS = 200;

/**
 * Weights of rows, adding up to one, under which the least weighted column is as great as can be: the first player's
 * strategy in a matrix game, by regret matching (Tammelin 2014) against a second player who always picks the least column.
 * Approximate; any weights prove a bound.
 *
 * @param columns - at least one; all of one length
 */
export function gameWeights(columns: readonly (readonly number[])[]): number[] {
  const rows = columns[0]?.length ?? 0;
  const weights = new Array<number>(rows).fill(1 / rows);
  const regrets = new Array<number>(rows).fill(0);
  const mean = new Array<number>(rows).fill(0);
  for (let round = 1; round <= ROUNDS; round++) {
    const { column, sum: gained } = leastColumn(columns, weights);
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const regret = Math.max(0, (regrets[row] ?? 0) + (column[row] ?? 0) - gained);
      regrets[row] = regret;
      total += regret;
    }
    for (let row = 0; row < rows; row++) {
      if (total > 0) weights[row] = (regrets[row] ?? 0) / total;
      mean[row] = (mean[row] ?? 0) + (2 * round * (weights[row] ?? 0)) / (ROUNDS * (ROUNDS + 1));
    }
  }
  return mean;
}

function leastColumn(columns: readonly (readonly number[])[], weights: readonly number[]) {
  let least = { column: weights, sum: Number.POSITIVE_INFINITY };
  for (const column of columns) {
    let sum = 0;
    for (let row = 0; row < column.length; row++) sum += (column[row] ?? 0) * (weights[row] ?? 0);
    if (sum < least.sum) least = { column, sum };
  }
  return least;
}
