// Which runs a comparison consists of, each an ordinary training run with a directory of its own. Seeds change slowest,
// so that an interrupted comparison has every strategy for the seeds it has got through.

import { join } from 'node:path';
import { type CompareConfig, trainPart } from '../config/compare-schema.js';
import { parseOptions } from '../config/options.js';
import { strategyOptions } from '../config/strategies.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';

export interface PlannedRun {
  strategy: string;
  seed: number;
  /** 'first-2-seed0': its directory in output. */
  name: string;
  options: TrainConfig;
}

const nameOf = (strategy: string, seed: number): string => `${strategy.replace(':', '-')}-seed${seed}`;

export function seedsOf({ seed, seeds }: Pick<CompareConfig, 'seed' | 'seeds'>): number[] {
  return typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => seed + i) : seeds;
}

/** @throws UsageError that names the strategy where its overrides contradict the options of all */
export function plannedRuns(config: CompareConfig): PlannedRun[] {
  const shared = trainPart(config);
  return seedsOf(config).flatMap((seed) =>
    config.strategies.map((strategy) => {
      const name = nameOf(strategy, seed);
      const own = { ...config.overrides?.[strategy], ...strategyOptions(strategy) };
      const given = { ...shared, ...own };
      // One for all runs, since seeds share the frozen trunk.
      const trunkCacheDirectory = given.trunkCacheDirectory ?? join(config.output, 'cache');
      const run = { ...given, seed, output: join(config.output, name), trunkCacheDirectory, overwrite: false };
      return { strategy, seed, name, options: parseOptions(trainSchema, run, `strategy ${strategy}`) };
    }),
  );
}
