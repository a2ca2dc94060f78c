// The ways of using a pre-trained model that `ortune compare` sets beside each other, each by what it sets of a
// training run. Everything else of a run is the same for all, or stands under `overrides`.

import type { TrainOptions } from './train-schema.js';

export type StrategyOptions = Partial<Pick<TrainOptions, 'maxSteps' | 'freeze' | 'init' | 'keepLayers' | 'adapter'>>;

const named: Readonly<Record<string, StrategyOptions>> = {
  // The model with a head that nothing has been learnt in.
  untouched: { maxSteps: 0 },
  frozen: { freeze: 'trunk' },
  scratch: { init: 'random' },
  finetuned: {},
  // Low-rank matrices beside frozen weights (docs/adapters.md), and the head.
  lora: { adapter: 'lora' },
  // Vectors that are near within a class come first (src/compare/vectors.ts); then the head alone is trained on them.
  contrastive: { freeze: 'trunk' },
  // Classes and masked tokens of retrieved texts come first, from random weights (src/compare/task-driven.ts).
  tlm: {},
};

/** The strategy whose trunk has learnt masked tokens beside the classes. */
export const taskDriven = 'tlm';

/** The strategy whose trunk has learnt vectors of the classes. */
export const contrastive = 'contrastive';

/** The strategy that the others are held against: nothing pre-trained is used. */
export const scratch = 'scratch';

export const defaultStrategies = ['untouched', 'frozen', 'scratch', 'finetuned'];

/** The names there are, for messages. */
export const knownStrategies = `${Object.keys(named).join(', ')}, or first:K for the first K layers, such as first:2`;

/** What a strategy sets of a training run; undefined for a name that is none. */
export function strategyOptions(name: string): StrategyOptions | undefined {
  if (Object.hasOwn(named, name)) return named[name];
  const [, layers] = /^first:([1-9]\d{0,3})$/.exec(name) ?? [];
  return layers === undefined ? undefined : { keepLayers: Number(layers) };
}
