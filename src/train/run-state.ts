// What a checkpoint says beside the weights: the counters from which everything else of a run follows (order, dropout
// and schedule are functions of seed and step), and what the run was made of, so that a checkpoint is not taken up by
// another run unnoticed.

import type { CheckpointSource } from '../checkpoint/store.js';
import { optionsThatChangeNothing } from '../config/options.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import type { Engine } from '../engine/engine.js';
import { UsageError } from '../errors.js';
import type { Scaling } from '../optim/loss-scale.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { RunConfig } from './amounts.js';
import { type BestState, keepsBest } from './best.js';
import { notPrefix } from './longer.js';

/** What a run counts as it goes. */
export interface Progress {
  /** Optimizer steps done, skipped ones included. */
  step: number;
  /** Losses of the epoch under way. */
  epochLoss: { sum: number; steps: number };
  /** Training texts that were cut, counted in the first epoch. */
  truncated: number;
  /** Steps that no sample had a part in. */
  idle: number;
  /** Steps left out because they were not finite. */
  skipped: number;
  /** Steps left out because gradients overflowed float16. */
  overflows: number;
  /** The evaluation that was due after the latest step was interrupted. */
  evaluationDue: boolean;
  /** earlyStoppingPatience has run out. */
  stoppedEarly: boolean;
  /** Steps that a callback left out. */
  leftOut: number;
  /** Floating-point operations of the products of training (a multiply-add is two). */
  flops: number;
  /** What callbacks and plateaus have multiplied the learning rates by. */
  learningRateFactor: number;
}

export const newProgress = (): Progress => ({
  step: 0,
  epochLoss: { sum: 0, steps: 0 },
  truncated: 0,
  idle: 0,
  skipped: 0,
  overflows: 0,
  evaluationDue: false,
  stoppedEarly: false,
  leftOut: 0,
  flops: 0,
  learningRateFactor: 1,
});

/** What a run is made of. */
export interface Origin {
  config: RunConfig;
  /**
   * SHA-256 of the files of model and teacher, of the samples, of the module that augments them, of files of losses.
   */
  hashes: {
    model: string;
    train: string;
    eval?: string;
    corpus?: string;
    augment?: string;
    loss?: string;
    teacher?: string;
  };
}

/** state.json of a checkpoint. */
export interface RunState extends Origin {
  progress: Progress;
  /** Where the order of the samples stands: the next batch of this epoch, both from 0. */
  sampler: { seed: number; epoch: number; batch: number };
  /** Updates made, which AdamW's bias correction counts. */
  optimizerSteps: number;
  /** The same of each range of the parameters, where layers are unfrozen one after the other. */
  rangeSteps?: readonly number[];
  /** Of the loss, where it is scaled. */
  scaling?: Scaling;
  best: BestState;
}

/**
 * The tensors of a checkpoint: trained parameters and running averages by name, and each part of the optimizer's state
 * of them.
 */
export function checkpointSources(engine: Engine, optimizer: Optimizer): CheckpointSource[] {
  const trained = engine.model.parameters.filter((p) => p.trainable);
  const averages = engine.model.statistics.filter((s) => s.updated);
  const model = [...trained, ...averages].map(({ name, shape }) => ({
    file: 'model' as const,
    name,
    shape,
    data: engine.parameters.array(name),
  }));
  const state = [...optimizer.state].flatMap(([part, arena]) =>
    trained.map(({ name, shape }) => ({
      file: 'optimizer' as const,
      name: `${name}.${part}`,
      shape,
      data: arena.array(name),
    })),
  );
  return [...model, ...state];
}

/**
 * Refuses a checkpoint of another run; one whose steps so far are those of this, at another length, is of this.
 * @throws UsageError that lists what differs
 */
export function refuseAnotherRun(path: string, saved: RunState, now: Origin, stepsPerEpoch: number): void {
  const { hashes, config } = now;
  const differences: string[] = [];
  const length = (of: RunConfig): number => of.maxSteps ?? of.epochs * stepsPerEpoch;
  const [then, today] = [length(saved.config), length(config)];
  const grown = then === today ? undefined : notPrefix(config, then, today, saved.progress.step);
  const lengthKeys = grown === undefined ? ['maxSteps', 'epochs'] : [];
  if (saved.hashes.model !== hashes.model)
    differences.push(`model: the files of ${config.model} are not those of ${saved.config.model} then`);
  if (saved.hashes.train !== hashes.train)
    differences.push(`train: the samples of ${config.train.join(', ')} are not the same`);
  if (saved.hashes.corpus !== hashes.corpus)
    differences.push(`corpus: the texts of ${(config.corpus ?? ['nothing']).join(', ')} are not the same`);
  if (saved.hashes.augment !== hashes.augment)
    differences.push(`augmentModule: ${config.augmentModule?.module ?? 'none'} is not the module of then`);
  if (saved.hashes.teacher !== hashes.teacher)
    differences.push(`teacher: the files of ${config.teacher ?? 'none'} are not those of then`);
  if (saved.hashes.loss !== hashes.loss) differences.push('loss: the files of losses are not those of then');
  const decides = keepsBest(config) || config.reduceOnPlateauPatience !== undefined;
  if (decides && saved.hashes.eval !== hashes.eval)
    differences.push(`eval: the samples of ${(config.eval ?? ['nothing']).join(', ')} are not the same`);
  const unaffecting = optionsThatChangeNothing(trainSchema);
  for (const key of Object.keys(config) as (keyof TrainConfig)[]) {
    const [then, today] = [JSON.stringify(saved.config[key]), JSON.stringify(config[key])];
    if (!unaffecting.has(key) && !lengthKeys.includes(key) && then !== today)
      differences.push(`${key}: ${then ?? 'not set'} then, ${today ?? 'not set'} now`);
  }
  if (differences.length === 0) return;
  if (grown !== undefined) differences.push(`(a run of another length cannot go on from it: ${grown})`);
  throw new UsageError(
    `checkpoint ${path} is of another run:\n  ${differences.join('\n  ')}\n` +
      'Resume with what it was made with, start anew in another output, or set allowChanges to go on all the same.',
  );
}
