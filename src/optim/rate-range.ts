// The range test of learning rates (Smith, 2015; in the form of Howard and Gugger): rates that grow exponentially from
// step to step, where it ends, and what its losses suggest. Losses are smoothed by a straight line that is fitted
// around each step, near steps weighing more, since a running mean would come late by as many steps as it smooths over.
// Pure arithmetic: commands/lr-find.ts takes the steps.

export interface RateRange {
  start: number;
  end: number;
  steps: number;
}

/** A step of the test. */
export interface RatePoint {
  /** From 1. */
  step: number;
  learningRate: number;
  /** Of the step's samples, before its update. */
  loss: number;
}

export interface SmoothedPoint extends RatePoint {
  smoothed: number;
}

/** What the losses say; the rates are undefined where no rate made them fall. */
export interface RateSuggestion {
  points: SmoothedPoint[];
  /** Where the smoothed loss falls most steeply, over the logarithm of the rate. */
  steepest?: number;
  /** Where it is lowest. */
  lowest?: number;
  /** The smaller of `steepest` and a tenth of `lowest`, to two digits. */
  suggested?: number;
}

/** How a range test came out. Rates are those of the option learningRate; those of groups were in proportion to it. */
export interface LearningRates extends RateSuggestion {
  /**
   * Why it ended: after its last step, as the loss had gone up for good, or at a loss or gradient that is no number.
   */
  ended: 'steps' | 'diverged' | 'not finite';
  /** What to know of the suggestion, or why there is none. */
  notes: string[];
  /** The plot that was written. */
  svg?: string;
}

/** Of step `step`, from 0. */
export const rateAt = ({ start, end, steps }: RateRange, step: number): number =>
  start * (end / start) ** (step / Math.max(1, steps - 1));

/** Steps of the straight lines, as the deviation of their weights. */
const widthOf = (steps: number): number => Math.max(2, steps / 25);

/**
 * Whether the loss has left for good: the mean of the latest losses is four times the lowest there was, and above the
 * first.
 */
export function hasDiverged(losses: readonly number[], steps: number): boolean {
  const window = Math.max(1, Math.round(steps / 20));
  if (losses.length <= window) return false;
  const means = losses
    .slice(window - 1)
    .map((_, i) => losses.slice(i, i + window).reduce((sum, loss) => sum + loss, 0) / window);
  const [lowest, latest] = [Math.min(...means), means.at(-1)!];
  return latest > lowest + 3 * Math.abs(lowest) && latest > means[0]!;
}

/** A straight line that is fitted around a point. */
interface LocalLine {
  /** There. */
  value: number;
  /** Per step. */
  slope: number;
  /** Deviation of the value where that of the losses is 1: larger at the ends. */
  unsure: number;
}

function localLines(points: readonly RatePoint[], width: number): LocalLine[] {
  return points.map(({ step: here }) => {
    let [w0, w1, w2, y0, y1, v0, v1, v2] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (const { step, loss } of points) {
      const x = step - here;
      const w = Math.exp(-0.5 * (x / width) ** 2);
      [w0, w1, w2] = [w0 + w, w1 + w * x, w2 + w * x * x];
      [y0, y1] = [y0 + w * loss, y1 + w * x * loss];
      [v0, v1, v2] = [v0 + w * w, v1 + w * w * x, v2 + w * w * x * x];
    }
    const determinant = w0 * w2 - w1 * w1;
    // Of a single point.
    if (determinant === 0) return { value: y0 / w0, slope: 0, unsure: 1 };
    return {
      value: (w2 * y0 - w1 * y1) / determinant,
      slope: (w0 * y1 - w1 * y0) / determinant,
      unsure: Math.sqrt(w2 * w2 * v0 - 2 * w1 * w2 * v1 + w1 * w1 * v2) / determinant,
    };
  });
}

const indexOfLeast = (values: readonly number[]): number => values.indexOf(Math.min(...values));

/** `steps`: of the whole test, which may have ended earlier. */
export function suggestRate(taken: readonly RatePoint[], steps: number): RateSuggestion {
  const width = widthOf(steps);
  const lines = localLines(taken, width);
  const values = lines.map(({ value }) => value);
  const points = taken.map((point, i) => ({ ...point, smoothed: values[i]! }));
  const bottom = indexOfLeast(values);
  const before = points.slice(0, bottom + 1);
  if (before.length < 2) return { points };
  const noise = Math.sqrt(before.reduce((sum, { loss, smoothed }) => sum + (loss - smoothed) ** 2, 0) / before.length);
  const top = indexOfLeast(values.slice(0, bottom + 1).map((value) => -value));
  const unsure = noise * Math.hypot(lines[top]!.unsure, lines[bottom]!.unsure);
  if (values[top]! - values[bottom]! <= 4 * unsure) return { points };
  const steepest = before[indexOfLeast(lines.slice(0, bottom + 1).map(({ slope }) => slope))]!.learningRate;
  const lowest = before.at(-1)!.learningRate;
  return { points, steepest, lowest, suggested: Number(Math.min(steepest, lowest / 10).toPrecision(2)) };
}
