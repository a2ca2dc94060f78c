// How long a run is and how fast it learns where nobody says so. Few samples are passed over more often, since a head
// that is drawn anew has not learnt anything after a dozen steps, and the more often, the faster that head learns: the
// rest of the model keeps the usual rate, which is that for models of every size. Large data have the usual amounts.

import type { TrainConfig } from '../config/train-schema.js';
import { usualAmounts } from '../config/usual-amounts.js';
import { formatNumber } from '../format.js';

/** A configuration that says how long and how fast. */
export type RunConfig = TrainConfig & { epochs: number; learningRate: number };

/** Steps that few samples are passed over for, in so many epochs at most. */
const fewestSteps = 300;
const mostEpochs = 20;

/** What of a run decides its amounts. */
export interface Amount {
  samples: number;
  stepsPerEpoch: number;
  /** Parameters of a head over classes are trained. */
  trainsHead: boolean;
}

/**
 * The configuration with epochs and rates, and what is to be said of them. What it says itself stands: with any of
 * epochs, maxSteps and learningRate the others are the usual ones; groups of its own are all there are.
 */
export function withAmounts(
  config: TrainConfig,
  { samples, stepsPerEpoch, trainsHead }: Amount,
): { config: RunConfig; notes: string[] } {
  const usual = { ...config, ...usualAmounts(config) };
  const { epochs, maxSteps, learningRate } = config;
  const said = [epochs, maxSteps, learningRate].some((amount) => amount !== undefined);
  const enough = Math.min(mostEpochs, Math.ceil(fewestSteps / stepsPerEpoch));
  if (said || !trainsHead || enough <= usual.epochs) return { config: usual, notes: [] };
  const few = { ...usual, epochs: enough };
  const start = `${samples} samples are few: ${enough} epochs of ${stepsPerEpoch} steps`;
  const set = 'epochs, maxSteps or learningRate set this';
  if (config.groups.length > 0) return { config: few, notes: [`${start}; ${set}`] };
  const headRate = usual.learningRate * (enough / usual.epochs) ** 2;
  const rates = `the head's learning rate is ${formatNumber(headRate)}, that of the rest ${usual.learningRate}`;
  return {
    config: { ...few, groups: [{ parameters: ['head'], learningRate: headRate }] },
    notes: [`${start}, and ${rates}; ${set}`],
  };
}
