// What memory a run needs as a function of its batch, in numbers alone: where they come from is memory-check.ts, what
// is said of them memory-words.ts. Near linear in the batch, so two batches determine it.

/** bytes = fixed + perSample · batch */
export interface Line {
  fixed: number;
  perSample: number;
}

export interface MemoryNeed {
  /** Weights, their gradients and what the optimizer keeps. */
  weights: number;
  /** What adding up gradients over several batches takes, where a step has them. */
  sums: number;
  /** What there is whatever is trained: on the CPU the process, on a device what weights go up through. */
  beside: number;
  /** Activations and inputs of a batch. */
  activations: Line;
}

/** How a step is made of batches. */
export interface Batches {
  batchSize: number;
  gradientAccumulationSteps: number;
}

/**
 * The line through two batches, sizes ascending; where it would fall below 0, or with the batch, one that does neither.
 */
export function lineThrough([few, fewBytes]: [number, number], [many, manyBytes]: [number, number]): Line {
  const slope = Math.max(0, manyBytes - fewBytes) / (many - few);
  const perSample = Math.min(slope, manyBytes / many);
  return { perSample, fixed: manyBytes - perSample * many };
}

export const activationBytes = ({ activations: { fixed, perSample } }: MemoryNeed, batchSize: number): number =>
  fixed + perSample * batchSize;

/** Of all. */
export const bytesFor = (need: MemoryNeed, { batchSize, gradientAccumulationSteps }: Batches): number =>
  need.weights + (gradientAccumulationSteps > 1 ? need.sums : 0) + need.beside + activationBytes(need, batchSize);

/**
 * The largest batches, no larger than now, that need at most so many bytes; as many samples a step as now, or a few
 * more. Undefined where one sample is too much.
 */
export function batchesWithin(need: MemoryNeed, bytes: number, now: Batches): Batches | undefined {
  const samples = now.batchSize * now.gradientAccumulationSteps;
  for (let most = now.batchSize; most > 0; most--) {
    const gradientAccumulationSteps = Math.ceil(samples / most);
    const batches = { batchSize: Math.ceil(samples / gradientAccumulationSteps), gradientAccumulationSteps };
    if (bytesFor(need, batches) <= bytes) return batches;
  }
  return undefined;
}
