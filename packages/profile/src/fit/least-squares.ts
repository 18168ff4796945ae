/** One equation: Σ coefficient · unknown ≈ target, to be met the more exactly the greater its weight. */
export interface Equation {
  readonly coefficients: Float64Array;
  readonly target: number;
  readonly weight: number;
}

const MAX_SWEEPS = 4000;
/** A sweep that moves the scaled unknowns less than this ends the descent. */
const TOLERANCE = 1e-10;
/** Ridge on the scaled unknowns, in parts of the mean diagonal: shares a cost between terms that the samples cannot tell apart. */
const RIDGE = 1e-6;

/**
 * Weighted least squares under the condition that no unknown is negative: minimises Σ (weight · (A x − target))² by descent along
 * one unknown at a time, which for a convex quadratic over x ≥ 0 leads to the least value. Columns are scaled to unit length first.
 *
 * @returns as many values as an equation has coefficients; 0 for an unknown that no equation has
 */
export function nonNegativeLeastSquares(equations: readonly Equation[]): Float64Array {
  const count = equations[0]?.coefficients.length ?? 0;
  const scales = columnLengths(equations, count);
  const { matrix, vector } = normalEquations(equations, scales);
  const solution = descend(matrix, vector);
  return solution.map((value, at) => value / (scales[at] || 1));
}

function columnLengths(equations: readonly Equation[], count: number): Float64Array {
  const squares = new Float64Array(count);
  for (const { coefficients, weight } of equations) {
    for (let at = 0; at < count; at++) squares[at] = (squares[at] ?? 0) + ((coefficients[at] ?? 0) * weight) ** 2;
  }
  return squares.map(Math.sqrt);
}

interface Quadratic {
  /** Row by row. */
  readonly matrix: Float64Array;
  readonly vector: Float64Array;
}

function normalEquations(equations: readonly Equation[], scales: Float64Array): Quadratic {
  const count = scales.length;
  const matrix = new Float64Array(count * count);
  const vector = new Float64Array(count);
  const row = new Float64Array(count);
  for (const { coefficients, target, weight } of equations) {
    for (let at = 0; at < count; at++) row[at] = ((coefficients[at] ?? 0) * weight) / (scales[at] || 1);
    for (let i = 0; i < count; i++) {
      const value = row[i] ?? 0;
      if (value === 0) continue;
      vector[i] = (vector[i] ?? 0) + value * target * weight;
      for (let j = 0; j < count; j++) matrix[i * count + j] = (matrix[i * count + j] ?? 0) + value * (row[j] ?? 0);
    }
  }
  for (let at = 0; at < count; at++) matrix[at * count + at] = (matrix[at * count + at] ?? 0) + RIDGE;
  return { matrix, vector };
}

function descend(matrix: Float64Array, vector: Float64Array): Float64Array {
  const count = vector.length;
  const solution = new Float64Array(count);
  /** vector − matrix · solution, kept up to date. */
  const rest = Float64Array.from(vector);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let largest = 0;
    for (let at = 0; at < count; at++) {
      const old = solution[at] ?? 0;
      const next = Math.max(0, old + (rest[at] ?? 0) / (matrix[at * count + at] || 1));
      const step = next - old;
      if (step === 0) continue;
      solution[at] = next;
      largest = Math.max(largest, Math.abs(step));
      for (let other = 0; other < count; other++) {
        rest[other] = (rest[other] ?? 0) - step * (matrix[at * count + other] ?? 0);
      }
    }
    if (largest < TOLERANCE) break;
  }
  return solution;
}
