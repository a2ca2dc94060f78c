// The options of a training run: see fields.ts for the conventions.

import type { Callbacks } from '../callbacks.js';
import type { WithGiven } from '../data/memory/given.js';
import { pathOf } from '../files/path-of.js';
import type { OwnMetrics } from '../metrics/own.js';
import { optimizerFields, optimizerNames } from '../optim/rules.js';
import { scheduleNames } from '../optim/schedule.js';
import type { MetricNameOf, TaskName } from '../tasks/tasks.js';
import { contradictions } from './contradictions.js';
import { computing } from './device-fields.js';
import { about, batchSize, bytes, count, files, headings, model, path, place, rate, running, under } from './fields.js';
import type { TrainFields } from './option-types.js';
import { reading } from './reading-fields.js';
import { resolved } from './resolve.js';
import { task, taskFields } from './task-fields.js';
import { patterns, transfer } from './transfer-fields.js';
import { z } from './zod.js';

const share = z.number().gt(0).lt(1);

const group = z.strictObject({
  parameters: patterns.meta({ aliases: ['params', 'pattern', 'name'] }),
  learningRate: z
    .number()
    .min(0)
    .optional()
    .meta({ aliases: ['lr'] }),
  weightDecay: z.number().min(0).optional(),
  l1: z.number().min(0).optional(),
  maxNorm: z.number().gt(0).optional(),
});

const augmentModule = z
  .union([
    path,
    z.strictObject({
      module: place.meta({ description: 'Path or file: URL of the module.' }),
      export: path.default('default').meta({ description: 'Name of the function among its exports.' }),
    }),
  ])
  .transform((value) => {
    if (typeof value !== 'string') return value;
    const [, module = value, name = 'default'] = /^(.+)#([^#/]+)$/.exec(value) ?? [];
    return { module: pathOf(module), export: name };
  })
  .optional()
  .meta(
    about(
      'A function of your own that changes training samples at random, in the threads that prepare batches (docs/callbacks.md): FILE.mjs, FILE.mjs#EXPORT or {module, export}.',
      { value: 'FILE.mjs#EXPORT', expects: 'a path, a path with the name of an export behind #, or {module, export}' },
    ),
  );

const data = under(headings.data, {
  train: files.meta(
    about(
      'Training data: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for each class, or .safetensors; several files and globs.',
      {
        value: 'FILE',
        aliases: ['train_file'],
        first: true,
      },
    ),
  ),
  eval: files.optional().meta(
    about('Data to evaluate on during the run.', {
      value: 'FILE',
      aliases: ['validation_file', 'valid', 'dev'],
      changesNothing: true,
      first: true,
    }),
  ),
  evalSplit: share.optional().meta(
    about('Share of the training data that is held out to evaluate on, the same of every class; instead of eval.', {
      aliases: ['validation_split', 'test_size'],
      first: true,
    }),
  ),
  test: files.optional().meta(
    about('Data to evaluate on once, after training.', {
      value: 'FILE',
      aliases: ['test_file'],
      changesNothing: true,
    }),
  ),
  augmentModule,
  weightColumn: path.optional().meta(
    about(
      'Column, or tensor, that holds a weight of each training sample, for its loss or, with sampling weighted, its odds.',
      {
        value: 'NAME',
      },
    ),
  ),
  ...reading,
  streaming: z
    .boolean()
    .default(false)
    .meta(about('Read the training data in pieces while training, for files larger than memory.')),
  shuffleBuffer: count
    .default(16384)
    .meta(about('With streaming: samples that are in memory and shuffled at a time.', { aliases: ['buffer_size'] })),
  sampling: z
    .enum(['shuffle', 'sequential', 'balanced', 'weighted'])
    .default('shuffle')
    .meta(
      about(
        'Order of the samples of an epoch: every one once, shuffled or as in the file; or drawn with replacement, all classes equally often or by weightColumn.',
        { aliases: ['sampler'] },
      ),
    ),
  groupByLength: z
    .boolean()
    .default(true)
    .meta(about('Texts of similar length share a batch, which saves padding.', { aliases: ['group_by_length'] })),
  numLabels: z
    .int()
    .min(2)
    .optional()
    .meta(
      about('Number of classes the training data must have; without it the data decides.', {
        aliases: ['num_classes'],
      }),
    ),
  classWeights: z
    .union([z.literal('balanced'), z.record(z.string(), z.number().min(0))])
    .optional()
    .meta(
      about('Weights of the classes in the loss, by name; or balanced, in inverse proportion to their samples.', {
        value: 'balanced|YAML',
        aliases: ['class_weight'],
      }),
    ),
});

const optimisation = under(headings.steps, {
  epochs: count
    .optional()
    .meta(
      about(
        'Passes over the training data; default 3, and of few samples with classes up to 20 where neither learningRate nor maxSteps is given, which the run says.',
        { aliases: ['num_train_epochs'], first: true },
      ),
    ),
  maxSteps: z
    .int()
    .min(0)
    .optional()
    .meta(
      about(
        'Stop after this many optimizer steps, however many epochs that is; 0 trains nothing, but evaluates and saves.',
      ),
    ),
  batchSize: batchSize
    .default(16)
    .meta(about('Samples per batch.', { aliases: ['per_device_train_batch_size', 'train_batch_size'] })),
  gradientAccumulationSteps: count
    .default(1)
    .meta(about('Batches per optimizer step; their gradients are added up.', { aliases: ['accumulate_grad_batches'] })),
  memoryLimit: bytes.optional().meta(
    about(
      'Most memory that the run may use, on a device of that, as bytes or as text such as 4GB: a run that would need more ends before its first step and says which batchSize fits.',
      {
        value: 'BYTES',
        aliases: ['max_memory'],
        changesNothing: true,
        expects: 'a number of bytes, or a size such as 4GB or 512 MiB',
      },
    ),
  ),
  learningRate: z
    .number()
    .gt(0)
    .optional()
    .meta(
      about(
        'Highest learning rate; default 5e-5, and of few samples with classes, where neither epochs nor maxSteps is given, more for the head, which the run says.',
        { aliases: ['lr'], first: true },
      ),
    ),
  schedule: z
    .enum(scheduleNames)
    .default('linear')
    .meta(about('Course of the learning rate after warm-up.', { aliases: ['lr_scheduler_type', 'scheduler'] })),
  warmupRatio: z.number().min(0).max(1).default(0.1).meta(about('Part of all steps in which the learning rate rises.')),
  warmupSteps: z.int().min(0).optional().meta(about('Steps of warm-up; overrides warmupRatio.')),
  scheduleCycles: z
    .number()
    .gt(0)
    .optional()
    .meta(
      about('Waves of the cosine schedules: default 0.5 for cosine (down once), 1 for cosine_with_restarts.', {
        aliases: ['num_cycles'],
      }),
    ),
  schedulePower: z
    .number()
    .gt(0)
    .default(1)
    .meta(about('Exponent of the polynomial schedule.', { aliases: ['power'] })),
  learningRateEnd: z
    .number()
    .min(0)
    .default(1e-7)
    .meta(
      about('Learning rate that the schedules polynomial and warmup_stable_decay end at.', {
        aliases: ['lr_end', 'min_lr'],
      }),
    ),
  scheduleDecayRatio: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .meta(about('warmup_stable_decay: part of all steps, at the end, in which the learning rate falls.')),
  scheduleGamma: z
    .number()
    .gt(0)
    .max(1)
    .default(0.1)
    .meta(
      about('step and exponential: what the learning rate is multiplied by in scheduleStepSize steps.', {
        aliases: ['gamma', 'lr_decay'],
      }),
    ),
  scheduleStepSize: count.optional().meta(
    about('step and exponential: optimizer steps; default a third of those after warm-up.', {
      aliases: ['step_size', 'decay_steps'],
    }),
  ),
  optimizer: z
    .enum(optimizerNames)
    .default('adamw')
    .meta(about('Update rule.', { aliases: ['optim'] })),
  weightDecay: z
    .number()
    .min(0)
    .default(0.01)
    .meta(
      about(
        'Weight decay: decoupled with adamw and lion, else added to the gradient; biases and normalisation parameters are left out.',
      ),
    ),
  ...optimizerFields,
  l1: z
    .number()
    .min(0)
    .default(0)
    .meta(
      about(
        'L1 penalty: l1·Σ|w| is part of what is minimised, though not of the loss that is shown; biases and normalisation parameters are left out.',
        { aliases: ['l1_regularization', 'l1_penalty'] },
      ),
    ),
  maxNorm: z
    .number()
    .gt(0)
    .optional()
    .meta(
      about(
        'After each step the weights that come into a unit (of a dense layer or a convolution) are scaled down to this norm.',
        { aliases: ['max_norm', 'kernel_constraint'] },
      ),
    ),
  groups: z
    .array(group)
    .prefault([])
    .meta(
      about(
        'Parameters with a learning rate, weight decay, L1 penalty or largest norm of their own: a list of {parameters: PATTERN, learningRate, weightDecay, l1, maxNorm}; the first that matches counts.',
        { aliases: ['param_groups', 'parameter_groups'] },
      ),
    ),
  maxGradNorm: z
    .number()
    .min(0)
    .default(1)
    .meta(about('Gradients are scaled down to this norm over all parameters; 0 turns it off.', { aliases: ['clip'] })),
  labelSmoothing: rate
    .default(0)
    .meta(about('Share of each target that is spread over all classes.', { aliases: ['label_smoothing_factor'] })),
  ...transfer,
  seed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .meta(
      about('Decides order, dropout and drawn weights; equal seeds give equal weights.', { aliases: ['random_seed'] }),
    ),
});

const when = z.enum(['no', 'steps', 'epoch']).optional();

const run = under(headings.run, {
  evalStrategy: when.meta(
    about('When to evaluate; default at the end of each epoch, or every evalSteps where that is given.', {
      aliases: ['evaluation_strategy'],
      changesNothing: true,
    }),
  ),
  evalSteps: count
    .optional()
    .meta(
      about('Optimizer steps between evaluations.', { aliases: ['eval_every', 'eval_interval'], changesNothing: true }),
    ),
  saveStrategy: when.meta(
    about('When to write a checkpoint; default at the end of each epoch, or every saveSteps where that is given.', {
      aliases: ['checkpoint_strategy'],
      changesNothing: true,
    }),
  ),
  saveSteps: count.optional().meta(
    about('Optimizer steps between checkpoints.', {
      aliases: ['save_every', 'checkpoint_every'],
      changesNothing: true,
    }),
  ),
  saveTotalLimit: count
    .default(2)
    .meta(about('Checkpoints to keep: the latest ones, and the best besides.', { changesNothing: true })),
  metricForBestModel: path.default('loss').meta(
    about(
      'Metric that decides which evaluation is the best, such as loss, accuracy, f1, mcc, macro.f1, top5Accuracy or meanAveragePrecision.',
      {
        value: 'NAME',
        aliases: ['monitor'],
      },
    ),
  ),
  loadBestModelAtEnd: z
    .boolean()
    .optional()
    .meta(
      about('Write the weights of the best evaluation at the end, not the last; default yes with early stopping.', {
        aliases: ['restore_best_weights', 'save_best'],
      }),
    ),
  earlyStoppingPatience: count
    .optional()
    .meta(about('Stop after this many evaluations in a row without a better one.', { aliases: ['patience'] })),
  earlyStoppingThreshold: z
    .number()
    .min(0)
    .default(0)
    .meta(about('What an evaluation must be better by to count as better.', { aliases: ['min_delta'] })),
  reduceOnPlateauPatience: count
    .optional()
    .meta(
      about(
        'After so many evaluations in a row without a better one the learning rate is multiplied by reduceOnPlateauFactor, and again after as many more.',
        { aliases: ['plateau_patience'] },
      ),
    ),
  reduceOnPlateauFactor: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.1)
    .meta(about('With reduceOnPlateauPatience: what the rate is multiplied by.', { aliases: ['plateau_factor'] })),
  trunkCache: z
    .boolean()
    .default(true)
    .meta(
      about(
        'Compute what is below the first trained parameter once for each sample, and keep it on disk for all epochs.',
        {
          aliases: ['cache_activations', 'cache_features'],
        },
      ),
    ),
  trunkCacheDirectory: place.optional().meta(
    about('Where that is kept; runs with the same trunk and data share it. Default cache/ in output.', {
      value: 'DIR',
      changesNothing: true,
    }),
  ),
  trunkCacheMaxBytes: count
    .default(4 * 2 ** 30)
    .meta(about('Most bytes that directory may hold: older activations are removed, larger ones are not kept.')),
  nonFinite: z
    .enum(['stop', 'skip'])
    .default('stop')
    .meta(about('What to do with a step whose loss or gradient is not finite: stop the run, or leave the step out.')),
  maxBadSteps: count
    .default(10)
    .meta(about('With nonFinite skip: so many steps may be left out before the run stops all the same.')),
  tensorboard: z
    .boolean()
    .default(true)
    .meta(
      about('Write event files for TensorBoard beside metrics.jsonl.', {
        aliases: ['report_to'],
        changesNothing: true,
      }),
    ),
  overwrite: z
    .boolean()
    .default(false)
    .meta(
      about('Replace a run that output already holds.', {
        aliases: ['overwrite_output_dir'],
        changesNothing: true,
      }),
    ),
  resume: place.optional().meta(
    about('Go on from a checkpoint: its directory, or latest for the last one in output.', {
      value: 'CHECKPOINT',
      impliedValue: 'latest',
      aliases: ['resume_from_checkpoint', 'continue'],
      changesNothing: true,
    }),
  ),
  allowChanges: z
    .boolean()
    .default(false)
    .meta(
      about('Resume although model, data or options differ from those the checkpoint was made with.', {
        aliases: ['force'],
        changesNothing: true,
      }),
    ),
});

const options = z.strictObject({
  model,
  task,
  ...running,
  ...computing,
  output: place.meta(
    about('Directory for the run; the trained model goes to its sub-directory model/.', {
      value: 'DIR',
      aliases: ['output_dir'],
      changesNothing: true,
      first: true,
    }),
  ),
  ...data,
  ...taskFields.all,
  ...taskFields.train,
  ...optimisation,
  ...run,
});

/** Resolved configuration of a training run: every default filled in. */
export type TrainConfig = z.output<typeof options>;
/** What a user writes: only what has no default is required. `T`: the task, where it is known. */
export type TrainOptions<T extends TaskName = TaskName> = Omit<
  WithGiven<TrainFields, 'train' | 'eval' | 'test'>,
  'metricForBestModel'
> & {
  /**
   * Metric that decides which evaluation is the best, one of the task's or own.NAME; default loss. Where no task is
   * named, which the data may decide, any text may be the name.
   */
  metricForBestModel?: MetricNameOf<T> | ([TaskName] extends [T] ? string & {} : never) | undefined;
  /** Functions that the run calls between two steps, and that may decide how it goes on. */
  callbacks?: Callbacks | undefined;
  /** Metrics of your own, by name, for each evaluation. */
  metrics?: OwnMetrics | undefined;
};

/** Everything `ortune train` and `Trainer` take; options that contradict each other are refused. */
export const trainSchema = options.overwrite(resolved).superRefine((config, context) => {
  for (const message of contradictions(config)) context.addIssue({ code: 'custom', message });
});
