// When to evaluate and when to write a checkpoint, as a function of the step.

/** Whether something is due after a step (counted from 1). */
export type Due = (step: number) => boolean;

export interface RunLength {
  stepsPerEpoch: number;
  totalSteps: number;
  /** Steps of texts without labels before each one of the training data; 0 where there are none of these. */
  corpusSteps: number;
}

/**
 * `strategy` left out: every `every` steps where that is given, else each epoch. What is due at all is due at the end.
 */
export function dueAt(
  strategy: 'no' | 'steps' | 'epoch' | undefined,
  every: number | undefined,
  { stepsPerEpoch, totalSteps }: Omit<RunLength, 'corpusSteps'>,
): Due {
  if (strategy === 'no') return () => false;
  const interval = strategy === 'steps' || (strategy === undefined && every !== undefined) ? every! : stepsPerEpoch;
  return (step) => step % interval === 0 || step === totalSteps;
}
