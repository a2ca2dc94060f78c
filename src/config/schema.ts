// The options of every command but train, once: a zod schema gives type, default, bounds and help; options.ts derives
// flags, messages and the documentation table from it. fields.ts has the conventions, train-schema.ts the training run.

import type { WithGiven } from '../data/memory/given.js';
import type { OwnMetrics } from '../metrics/own.js';
import { imageModels } from '../models/image-names.js';
import { optimizerNames, ruleOf } from '../optim/rules.js';
import { taskOfData } from '../tasks/tasks.js';
import { ofTask } from './contradictions.js';
import { about, adapters, batchSize, count, files, listOf, model, path, place, rate, running } from './fields.js';
import type { EvalFields, GradcheckFields, InspectFields, PredictFields } from './option-types.js';
import { reading } from './reading-fields.js';
import { task, taskFields } from './task-fields.js';
import { trainSchema } from './train-schema.js';
import { z } from './zod.js';

const evalBatchSize = batchSize
  .default(32)
  .meta(about('Samples per batch.', { aliases: ['per_device_eval_batch_size', 'eval_batch_size'] }));

const evalOptions = z.strictObject({
  model,
  task: task.meta(
    about('What the model is for; default what the data are of, else what its inputs and config.json say.'),
  ),
  adapter: adapters,
  ...running,
  data: files.meta(
    about(
      'Data to evaluate on: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for each class, or .safetensors; several files and globs.',
      {
        value: 'FILE',
        aliases: ['test', 'eval'],
      },
    ),
  ),
  ...reading,
  batchSize: evalBatchSize,
  ...taskFields.all,
});

/** What `ortune eval` and `evaluate` take. */
export const evalSchema = evalOptions.superRefine((config, context) => {
  // Else the model says which it is.
  const task = config.task ?? taskOfData(config);
  for (const message of task === undefined ? [] : ofTask({ ...config, task }))
    context.addIssue({ code: 'custom', message });
});

const predictOptions = z.strictObject({
  model,
  task: task.meta(about('What the model is for; default what its inputs and config.json say.')),
  adapter: adapters,
  ...running,
  data: files.optional().meta(
    about(
      'What to label: texts in JSONL, CSV, TSV or Parquet, also gzipped; or pictures: their files, folders, tables or .safetensors; default texts of the command line or standard input.',
      {
        value: 'FILE',
      },
    ),
  ),
  output: place
    .optional()
    .meta(about('File to write the predictions to, where these are tensors.', { value: 'FILE.safetensors' })),
  ...reading,
  batchSize: evalBatchSize,
  ...taskFields.predict,
});

/** What `ortune predict` and `predict` take; the texts come beside it. */
export const predictSchema = predictOptions;

/** What `ortune bench step` takes. */
export const benchStepSchema = z.strictObject({
  model: place
    .optional()
    .meta(
      about(
        `Model directory, .onnx file or hub name; or an image network to build: ${imageModels.join(', ')}. ` +
          'Without it an encoder of the sizes below is built.',
        { value: 'MODEL' },
      ),
    ),
  layers: count.default(6).meta(about('Transformer layers.')),
  hidden: count.default(384).meta(about('Width of the residual stream.')),
  heads: count.default(12).meta(about('Attention heads.')),
  feedForward: count.optional().meta(about('Width of the feed-forward layer; default four times hidden.')),
  vocabulary: count.default(8192).meta(about('Samples of the word embedding.')),
  batch: count.default(16).meta(about('Samples per step.', { aliases: ['batch_size'] })),
  seq: count.default(128).meta(about('Tokens per sequence.', { aliases: ['sequence_length'] })),
  image: count
    .default(224)
    .meta(about('Side of the images in pixels, for models of images.', { aliases: ['image_size'] })),
  optimizer: z
    .enum(optimizerNames)
    .default('adamw')
    .meta(
      about(`${optimizerNames.map((name) => `${name} ${ruleOf(name).bench.says}`).join('; ')}.`, {
        aliases: ['optim'],
      }),
    ),
  batchNorm: trainSchema.shape.batchNorm,
  dropout: rate
    .optional()
    .meta(
      about(
        'Dropout in the whole step, default what config.json says (an encoder: 0.1); forwardBackwardMs never has any.',
      ),
    ),
  device: trainSchema.shape.device,
  precision: trainSchema.shape.precision,
  threads: running.threads,
  warmup: z.int().min(0).default(3).meta(about('Steps that are not measured.')),
  steps: count.default(15).meta(about('Steps that are measured; figures are medians.')),
});

/** What `ortune gradcheck` and `gradcheckModel` take. */
export const gradcheckSchema = z.strictObject({
  input: listOf(path)
    .prefault([])
    .meta(
      about(
        'Shape of an input, its type and the range of its random values; inputs without one get batch 2, length 8.',
        {
          value: 'NAME=1x3x32x320[:float32|int64][:LOW..HIGH]',
        },
      ),
    ),
  against: place
    .optional()
    .meta(
      about(
        'Gradients to compare with instead of central differences, by names of tensors, with the inputs by their names and projection.OUTPUT, the derivative of the loss by an output; without a projection the loss is the sum of all outputs.',
        { value: 'FILE.safetensors' },
      ),
    ),
  seed: trainSchema.shape.seed.meta(about('Decides inputs, projection and directions.')),
  batchNorm: trainSchema.shape.batchNorm
    .removeDefault()
    .default('frozen')
    .meta(about('Statistics of BatchNormalization: of the batch, as while training, or those of the file.')),
  tolerance: z
    .number()
    .gt(0)
    .default(1e-2)
    .meta(about('Largest relative error of a directional derivative; with `against`, of a gradient.')),
  threads: running.threads,
  maxGraphMemory: running.maxGraphMemory,
  maxDownloadBytes: running.maxDownloadBytes,
  bind: running.bind,
});

/** What `ortune inspect` and `inspectModel` take. */
export const inspectSchema = z.strictObject({
  maxGraphMemory: running.maxGraphMemory,
  maxDownloadBytes: running.maxDownloadBytes,
  bind: running.bind,
});

export type InspectOptions = InspectFields;
export type EvalConfig = z.output<typeof evalOptions>;
export type EvalOptions = WithGiven<EvalFields, 'data'> & {
  /** Metrics of your own, by name. */
  metrics?: OwnMetrics | undefined;
};
export type PredictConfig = z.output<typeof predictOptions>;
export type PredictOptions = PredictFields;
export type BenchStepConfig = z.output<typeof benchStepSchema>;
export type BenchStepOptions = z.input<typeof benchStepSchema>;
export type GradcheckConfig = z.output<typeof gradcheckSchema>;
export type GradcheckOptions = GradcheckFields;
