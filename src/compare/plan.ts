// Which runs a comparison consists of, each an ordinary training run with a directory of its own. Seeds change slowest,
// so that an interrupted comparison has every strategy for the seeds it has got through.

import { join } from 'node:path';
import { type CompareConfig, trainPart } from '../config/compare-schema.js';
import { parseOptions } from '../config/options.js';
import { contrastive, strategyOptions, taskDriven } from '../config/strategies.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import type { PlannedRun } from './series.js';
import { taskDrivenOptions } from './task-driven.js';
import { vectorOptions } from './vectors.js';

export interface StrategyRun extends PlannedRun {
  strategy: string;
  seed: number;
}

const titleOf = (strategy: string, seed: number): string => `${strategy}, seed ${seed}`;

const nameOf = (strategy: string, seed: number): string => `${strategy.replace(':', '-')}-seed${seed}`;

export function seedsOf({ seed, seeds }: Pick<CompareConfig, 'seed' | 'seeds'>): number[] {
  return typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => seed + i) : seeds;
}

/** @throws UsageError that names the strategy where its overrides contradict the options of all */
export function plannedRuns(config: CompareConfig): StrategyRun[] {
  const shared = trainPart(config);
  return seedsOf(config).flatMap((seed) =>
    config.strategies.flatMap((strategy): StrategyRun[] => {
      const name = nameOf(strategy, seed);
      const own = { ...config.overrides?.[strategy], ...strategyOptions(strategy) };
      const given = { ...shared, ...own };
      // One for all runs, since seeds share the frozen trunk.
      const trunkCacheDirectory = given.trunkCacheDirectory ?? join(config.output, 'cache');
      const run = { ...given, seed, output: join(config.output, name), trunkCacheDirectory, overwrite: false };
      const first = firstPart(shared, { config, strategy, seed, name });
      const model = first[0] ? join(first[0].options.output, 'model') : given.model;
      const options = parseOptions(trainSchema, { ...run, model }, { where: `strategy ${strategy}` });
      return [...first, { strategy, seed, name, title: titleOf(strategy, seed), options }];
    }),
  );
}

/** What trains the trunk that a strategy's run starts from, where there is such. */
function firstPart(
  shared: TrainConfig,
  { config, strategy, seed, name: whole }: Pick<StrategyRun, 'strategy' | 'seed' | 'name'> & { config: CompareConfig },
): StrategyRun[] {
  const named = { [contrastive]: 'vectors', [taskDriven]: 'joint' }[strategy];
  if (named === undefined) return [];
  const name = `${whole}-${named}`;
  const own = { seed, output: join(config.output, name) };
  const options =
    strategy === contrastive
      ? vectorOptions(shared, own, `strategy ${strategy}`)
      : taskDrivenOptions(shared, config, own);
  return [{ strategy, seed, name, title: titleOf(strategy, seed), options, prepares: true }];
}
