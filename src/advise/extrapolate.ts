// Where a learning curve goes on to: errors fall as a power of what is learnt from (Hestness et al., Deep Learning
// Scaling is Predictable, Empirically, 2017), through the last two points that are known.

import type { CurvePoint } from './cross-validation.js';

/**
 * The accuracy with twice the samples of the last point; never below the last one. Undefined where there are no two
 * points.
 */
export function afterDoubling(curve: readonly CurvePoint[]): number | undefined {
  return curve.length < 2 ? undefined : extrapolate(curve, 2 * curve.at(-1)!.samples);
}

/** The accuracy with so many samples, by the last two points. */
export function extrapolate(curve: readonly CurvePoint[], samples: number): number {
  const [before, last] = curve.slice(-2) as [CurvePoint, CurvePoint];
  const [errorBefore, error] = [1 - before.accuracy, 1 - last.accuracy];
  if (error <= 0 || error >= errorBefore || last.samples <= before.samples) return last.accuracy;
  const exponent = Math.log(error / errorBefore) / Math.log(last.samples / before.samples);
  return 1 - error * (samples / last.samples) ** exponent;
}
