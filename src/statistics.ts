// Times of steps as a run collects them: the rate of the last steps and peak memory; and the mean, median and spread
// that every figure of several runs or steps is given with.

/** Median of a list; NaN when it is empty. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Arithmetic mean of a list; NaN when it is empty. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation (divided by n - 1) of a list; NaN for fewer than two values, which have no spread. */
export function sampleDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Largest resident set of this process so far, in bytes. */
export const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** One optimizer step, in milliseconds. */
export interface StepTime {
  /** Lengths of its batches' axes: steps of the same are comparable; undefined where a step's batches differ. */
  axes: string | undefined;
  /** Batches of the step. */
  batches: number;
  samples: number;
  /** Until the batch was there. */
  waitMs: number;
  forwardBackwardMs: number;
  updateMs: number;
}

export const totalMs = (t: StepTime): number => t.waitMs + t.forwardBackwardMs + t.updateMs;

const recent = 20;
/** Steps whose times are kept, at least; a run may have millions. */
const kept = 10_000;

export class StepTimes {
  readonly all: StepTime[] = [];

  add(time: StepTime): void {
    if (this.all.length === 2 * kept) this.all.splice(0, kept);
    this.all.push(time);
  }

  /** Median step. */
  medianMs(): number {
    return median(this.all.map(totalMs));
  }

  /** Samples per second over the last `last` steps (default 20). */
  rate(last = recent): number {
    const window = this.all.slice(-last);
    const ms = window.reduce((sum, t) => sum + totalMs(t), 0);
    return ms === 0 ? 0 : (1000 * window.reduce((sum, t) => sum + t.samples, 0)) / ms;
  }

  /** Seconds that `steps` more take at the pace of the last ones. */
  secondsFor(steps: number): number {
    const window = this.all.slice(-recent);
    return window.length === 0 ? 0 : (steps * window.reduce((sum, t) => sum + totalMs(t), 0)) / window.length / 1000;
  }

  /** The lengths of axes that most steps had; undefined when none had one. */
  commonAxes(): string | undefined {
    const counts = new Map<string, number>();
    for (const { axes } of this.all) if (axes !== undefined) counts.set(axes, (counts.get(axes) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  }

  /** Steps of such axes after the first, which carries the making of its session. */
  warm(axes: string | undefined): StepTime[] {
    return this.all.filter((t) => t.axes === axes).slice(1);
  }
}
