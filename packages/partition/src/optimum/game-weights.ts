/** Rounds of the game: enough for weights within some percent of the best, in less time than a minimum cut takes. */
const ROUNDS = 100;

/**
 * Weights of rows, adding up to one, under which the least weighted column is as great as can be: the first player's
 * strategy in a matrix game, by regret matching (Tammelin 2014). Approximate; any weights prove a bound.
 *
 * @param columns - at least one; all of one length
 */
export function gameWeights(columns: readonly (readonly number[])[]): number[] {
  const rows = new Player(columns[0]?.length ?? 0);
  const picks = new Player(columns.length);
  const table = Float64Array.from(columns.flat());
  const mean = new Float64Array(rows.count);
  for (let round = 1; round <= ROUNDS; round++) {
    for (let at = 0, pick = 0; pick < picks.count; pick++) {
      const weight = picks.weights[pick] ?? 0;
      for (let row = 0; row < rows.count; row++) rows.gain(row, weight * (table[at++] ?? 0));
    }
    rows.learn();
    for (let at = 0, pick = 0; pick < picks.count; pick++) {
      for (let row = 0; row < rows.count; row++) picks.gain(pick, -(rows.weights[row] ?? 0) * (table[at++] ?? 0));
    }
    picks.learn();
    for (let row = 0; row < rows.count; row++) {
      mean[row] = (mean[row] ?? 0) + (2 * round * (rows.weights[row] ?? 0)) / (ROUNDS * (ROUNDS + 1));
    }
  }
  return Array.from(mean);
}

/** Learns which of its choices pay. */
class Player {
  readonly count: number;
  readonly weights: Float64Array;
  /** What each choice would have gained in this round. */
  readonly #gains: Float64Array;
  readonly #regrets: Float64Array;

  constructor(count: number) {
    this.count = count;
    this.weights = new Float64Array(count).fill(1 / count);
    this.#gains = new Float64Array(count);
    this.#regrets = new Float64Array(count);
  }

  gain(choice: number, amount: number): void {
    this.#gains[choice] = (this.#gains[choice] ?? 0) + amount;
  }

  /** Ends a round: shifts the weights towards the choices that one regrets not to have made. */
  learn(): void {
    const gains = this.#gains;
    const regrets = this.#regrets;
    let gained = 0;
    let total = 0;
    for (let choice = 0; choice < this.count; choice++) gained += (this.weights[choice] ?? 0) * (gains[choice] ?? 0);
    for (let choice = 0; choice < this.count; choice++) {
      const regret = Math.max(0, (regrets[choice] ?? 0) + (gains[choice] ?? 0) - gained);
      regrets[choice] = regret;
      total += regret;
    }
    for (let choice = 0; choice < this.count; choice++) {
      if (total > 0) this.weights[choice] = (regrets[choice] ?? 0) / total;
    }
    gains.fill(0);
  }
}
