// Successive halving: how many trials run for how long. All run for a part of the steps, the best of them for `halving`
// times as many, and so on, until the last run for `maxSteps`. Jamieson and Talwalkar, Non-stochastic Best Arm
// Identification and Hyperparameter Optimization (2016); a bracket of Hyperband (Li et al., 2018).

export interface Rung {
  trials: number;
  /** Of each trial from its beginning; undefined: the whole run, however long that is. */
  steps: number | undefined;
}

/**
 * Rung i has `trials`/halving^i trials of maxSteps/halving^(last - i) steps, both rounded down; the last one maxSteps.
 */
export function rungsOf(
  trials: number,
  {
    maxSteps,
    halving,
    minSteps = 1,
  }: { maxSteps?: number | undefined; halving?: number | undefined; minSteps?: number | undefined },
): Rung[] {
  if (halving === undefined || maxSteps === undefined) return [{ trials, steps: undefined }];
  const stepsAt = (below: number): number => Math.floor(maxSteps / halving ** below);
  let last = 0;
  while (halving ** (last + 1) <= trials && stepsAt(last + 1) >= minSteps) last++;
  return Array.from({ length: last + 1 }, (_, i) => ({
    trials: Math.floor(trials / halving ** i),
    steps: stepsAt(last - i),
  }));
}
