// Weights as they are before any training, in place of those of the file: what the gain of pre-training is measured
// against. Matrices and embeddings are normal, scales 1 and biases 0, as BERT and its relatives are initialised; how a
// weight is used decides, not its name. Only values change: the graph and the way it is saved stay as they are.

import { normalWeights } from '../models/normal.js';
import type { Statistic } from './batch-norm.js';
import type { Parameter } from './parameters.js';

export interface DrawOptions {
  seed: number;
  /** Standard deviation of matrices: `initializer_range` of config.json; default 0.02. */
  deviation?: number | undefined;
}

/**
 * Writes the parameters' initial values into `arrayOf` each, a function of the seed and of the names in the file: what
 * is frozen makes no difference. Source: the reference code of Devlin et al., BERT (2018).
 */
export function drawParameters(
  parameters: readonly Pick<Parameter, 'name' | 'kind'>[],
  { seed, deviation = 0.02 }: DrawOptions,
  arrayOf: (name: string) => Float32Array,
): void {
  const byName = parameters.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const [stream, { name, kind }] of byName.entries()) {
    const values = arrayOf(name);
    if (kind === 'matrix') values.set(normalWeights(seed, stream, values.length, deviation));
    else values.fill(kind === 'scale' ? 1 : 0);
  }
}

/** Running averages before any batch: mean 0, variance 1. */
export function resetStatistics(
  statistics: readonly Pick<Statistic, 'name' | 'kind'>[],
  arrayOf: (name: string) => Float32Array,
): void {
  for (const { name, kind } of statistics) arrayOf(name).fill(kind === 'mean' ? 0 : 1);
}
