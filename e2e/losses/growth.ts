/** How much a quantity grows from one loss to the next. */
export interface Growth {
  readonly perLoss: number;
  /** Standard error of `perLoss`: what is smaller cannot be told from noise. */
  readonly noise: number;
}

/** Fits a line through a quantity that was read after every loss. Needs three readings. */
export function growthOf(readings: readonly number[]): Growth {
  const count = readings.length;
  const middle = (count - 1) / 2;
  const mean = readings.reduce((sum, value) => sum + value, 0) / count;
  const spread = readings.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
  const perLoss = readings.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0) / spread;
  const residual = readings.reduce((sum, value, index) => sum + (value - mean - perLoss * (index - middle)) ** 2, 0);
  return { perLoss, noise: Math.sqrt(residual / (count - 2) / spread) };
}
