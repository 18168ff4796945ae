/** Rounds of the game: enough for weights within a percent or so of the best, in less time than a minimum cut takes. */
const ROUNDS = 200;

/**
 * Weights of rows, adding up to one, under which the least weighted column is as great as can be: the first player's
 * strategy in a matrix game, by regret matching (Tammelin 2014). Approximate; any weights prove a bound.
 *
 * @param columns - at least one; all of one length
 */
export function gameWeights(columns: readonly (readonly number[])[]): number[] {
  const rows = new Player(columns[0]?.length ?? 0);
  const picks = new Player(columns.length);
  const sums = new Float64Array(rows.weights.length);
  let total = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    rows.gains.fill(0);
    columns.forEach((column, pick) => {
      const weight = picks.weights[pick] ?? 0;
      for (let row = 0; row < column.length; row++)
        rows.gains[row] = (rows.gains[row] ?? 0) + weight * (column[row] ?? 0);
    });
    rows.learn();
    columns.forEach((column, pick) => {
      let loss = 0;
      for (let row = 0; row < column.length; row++) loss += (rows.weights[row] ?? 0) * (column[row] ?? 0);
      picks.gains[pick] = -loss;
    });
    picks.learn();
    total += round;
    for (let row = 0; row < sums.length; row++) sums[row] = (sums[row] ?? 0) + round * (rows.weights[row] ?? 0);
  }
  return Array.from(sums, (sum) => sum / total);
}

class Player {
  readonly weights: Float64Array;
  /** What each choice would have gained in this round. */
  readonly gains: Float64Array;
  readonly #regrets: Float64Array;

  constructor(choices: number) {
    this.weights = new Float64Array(choices).fill(1 / choices);
    this.gains = new Float64Array(choices);
    this.#regrets = new Float64Array(choices);
  }

  /** Shifts the weights towards the choices that one regrets not to have made. */
  learn(): void {
    const { weights, gains } = this;
    const regrets = this.#regrets;
    let gained = 0;
    let total = 0;
    for (let choice = 0; choice < weights.length; choice++) gained += (weights[choice] ?? 0) * (gains[choice] ?? 0);
    for (let choice = 0; choice < weights.length; choice++) {
      const regret = Math.max(0, (regrets[choice] ?? 0) + (gains[choice] ?? 0) - gained);
      regrets[choice] = regret;
      total += regret;
    }
    for (let choice = 0; choice < weights.length && total > 0; choice++)
      weights[choice] = (regrets[choice] ?? 0) / total;
  }
}
