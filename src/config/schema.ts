// The options of every command, once: a zod schema gives type, default, bounds and help; options.ts derives flags, messages
// and the documentation table from it. Names are the conventional ones of the field (the Hugging Face Trainer's, in camel
// case); `also` lists other names people type, so that a wrong key is answered with the right one.

import { z } from 'zod';

// A type alias, not an interface: zod's metadata wants an index signature.
type Extra = {
  description: string;
  /** What stands for the value in help, such as FILE. */
  value?: string;
  /** Other names of the same thing elsewhere. */
  also?: string[];
};
const about = (description: string, extra: Omit<Extra, 'description'> = {}): Extra => ({ description, ...extra });

const path = z.string().min(1);
const rate = z.number().min(0).lt(1);
const count = z.int().min(1);
const batchSize = z.int().min(1).max(65536);

const modelAndText = {
  model: path.meta(
    about('Model directory in transformers.js layout, or a bare .onnx file.', {
      value: 'PATH',
      also: ['model_name_or_path'],
    }),
  ),
  task: z.enum(['text-classification']).default('text-classification').meta(about('What to train the model for.')),
  textColumn: path
    .default('text')
    .meta(about('Column (CSV) or key (JSONL) that holds the text.', { value: 'NAME', also: ['text_column_name'] })),
  pairColumn: path
    .optional()
    .meta(about('Column that holds a second text, for pairs such as question and answer.', { value: 'NAME' })),
  labelColumn: path
    .default('label')
    .meta(about('Column that holds the label.', { value: 'NAME', also: ['label_column_name'] })),
  maxLength: count.default(512).meta(
    about('Longest text in tokens; longer ones are cut and counted. The positions of the model bound it too.', {
      also: ['max_seq_length'],
    }),
  ),
  buckets: z
    .array(count)
    .min(1)
    .optional()
    .meta(
      about('Lengths in tokens that batches are padded to, ascending up to maxLength; default 32, 64, 128 and so on.'),
    ),
  device: z.enum(['cpu']).default('cpu').meta(about('Where to compute.')),
  threads: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .meta(about('Threads that compute; default one per core.', { also: ['num_threads'] })),
  workers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .meta(about('Threads that read and tokenise; results do not depend on it.', { also: ['dataloader_num_workers'] })),
  batchesAhead: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .meta(about('Batches that are prepared ahead of the step that needs them.', { also: ['prefetch_factor'] })),
};

const dropout = z
  .union([
    rate.transform((all) => ({ hidden: all, attention: all, head: all })),
    z.strictObject({
      hidden: rate.optional().meta(about('Dropout after the embeddings and on the output of every sub-layer.')),
      attention: rate.optional().meta(about('Dropout on attention probabilities.')),
      head: rate.optional().meta(about('Dropout before the classifier.', { also: ['classifier_dropout'] })),
    }),
  ])
  .prefault({})
  .meta(about('Dropout put back into the graph, as config.json of the model says; one number sets all three.'));

/** Everything `ortune train` and `Trainer` take. */
export const trainSchema = z.strictObject({
  ...modelAndText,
  output: path.meta(
    about('Directory for the run; the trained model goes to its sub-directory model/.', {
      value: 'DIR',
      also: ['output_dir'],
    }),
  ),
  overwrite: z
    .boolean()
    .default(false)
    .meta(about('Replace a run that output already holds.', { also: ['overwrite_output_dir'] })),
  train: path.meta(about('Training data, JSONL or CSV.', { value: 'FILE', also: ['train_file'] })),
  eval: path.optional().meta(
    about('Data to evaluate on at the end of each epoch.', {
      value: 'FILE',
      also: ['validation_file', 'valid', 'dev'],
    }),
  ),
  test: path
    .optional()
    .meta(about('Data to evaluate on once, after training.', { value: 'FILE', also: ['test_file'] })),
  numLabels: z
    .int()
    .min(2)
    .optional()
    .meta(
      about('Number of classes the training data must have; without it the data decides.', { also: ['num_classes'] }),
    ),
  epochs: count.default(3).meta(about('Passes over the training data.', { also: ['num_train_epochs'] })),
  maxSteps: count.optional().meta(about('Stop after this many optimizer steps, however many epochs that is.')),
  batchSize: batchSize
    .default(16)
    .meta(about('Texts per optimizer step.', { also: ['per_device_train_batch_size', 'train_batch_size'] })),
  learningRate: z
    .number()
    .gt(0)
    .default(5e-5)
    .meta(about('Highest learning rate.', { also: ['lr'] })),
  schedule: z
    .enum(['linear', 'constant'])
    .default('linear')
    .meta(about('Course of the learning rate after warm-up.', { also: ['lr_scheduler_type', 'scheduler'] })),
  warmupRatio: z.number().min(0).max(1).default(0.1).meta(about('Part of all steps in which the learning rate rises.')),
  warmupSteps: z.int().min(0).optional().meta(about('Steps of warm-up; overrides warmupRatio.')),
  optimizer: z
    .enum(['adamw', 'sgd'])
    .default('adamw')
    .meta(about('Update rule.', { also: ['optim'] })),
  weightDecay: z
    .number()
    .min(0)
    .default(0.01)
    .meta(about('Decoupled weight decay; biases and normalisation parameters are left out.')),
  adamBeta1: rate.default(0.9).meta(about('AdamW: decay of the first moment.')),
  adamBeta2: rate.default(0.999).meta(about('AdamW: decay of the second moment.')),
  adamEpsilon: z.number().gt(0).default(1e-8).meta(about('AdamW: added to the denominator.')),
  momentum: rate.default(0.9).meta(about('SGD: momentum.')),
  nesterov: z.boolean().default(false).meta(about('SGD: momentum in the form of Nesterov.')),
  maxGradNorm: z
    .number()
    .min(0)
    .default(1)
    .meta(about('Gradients are scaled down to this norm over all parameters; 0 turns it off.', { also: ['clip'] })),
  dropout,
  freeze: z
    .union([path, z.array(path)])
    .transform((patterns) => (typeof patterns === 'string' ? [patterns] : patterns))
    .prefault([])
    .meta(
      about('Parameters that keep their values: globs over names, or trunk for all but the head.', {
        value: 'PATTERN',
        also: ['freeze_to'],
      }),
    ),
  seed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .meta(about('Decides order, dropout and the new head; equal seeds give equal weights.', { also: ['random_seed'] })),
});

const evalBatchSize = batchSize
  .default(32)
  .meta(about('Texts per batch.', { also: ['per_device_eval_batch_size', 'eval_batch_size'] }));

/** What `ortune eval` and `evaluate` take. */
export const evalSchema = z.strictObject({
  ...modelAndText,
  data: path.meta(about('Data to evaluate on, JSONL or CSV.', { value: 'FILE', also: ['test', 'eval'] })),
  batchSize: evalBatchSize,
});

const { labelColumn: _, ...modelAndPlainText } = modelAndText;

/** What `ortune predict` and `predict` take; the texts come beside it. */
export const predictSchema = z.strictObject({
  ...modelAndPlainText,
  data: path
    .optional()
    .meta(about('Texts to label, JSONL or CSV; default the command line or standard input.', { value: 'FILE' })),
  batchSize: evalBatchSize,
});

/** What `ortune bench step` takes. */
export const benchStepSchema = z.strictObject({
  model: path
    .optional()
    .meta(
      about('Model directory or .onnx file; without it an encoder of the sizes below is built.', { value: 'PATH' }),
    ),
  layers: count.default(6).meta(about('Transformer layers.')),
  hidden: count.default(384).meta(about('Width of the residual stream.')),
  heads: count.default(12).meta(about('Attention heads.')),
  feedForward: count.optional().meta(about('Width of the feed-forward layer; default four times hidden.')),
  vocabulary: count.default(8192).meta(about('Rows of the word embedding.')),
  batch: count.default(16).meta(about('Sequences per step.', { also: ['batch_size'] })),
  seq: count.default(128).meta(about('Tokens per sequence.', { also: ['sequence_length'] })),
  dropout: rate.default(0.1).meta(about('Dropout in the whole step; forwardBackwardMs never has any.')),
  threads: modelAndText.threads,
  warmup: z.int().min(0).default(3).meta(about('Steps that are not measured.')),
  steps: count.default(15).meta(about('Steps that are measured; figures are medians.')),
});

/** What `ortune gradcheck` and `gradcheckModel` take. */
export const gradcheckSchema = z.strictObject({
  input: z
    .union([path, z.array(path)])
    .transform((inputs) => (typeof inputs === 'string' ? [inputs] : inputs))
    .prefault([])
    .meta(
      about(
        'Shape of an input, its type and the range of its random values; inputs without one get batch 2, length 8.',
        {
          value: 'NAME=1x3x32x320[:float32|int64][:LOW..HIGH]',
        },
      ),
    ),
  seed: trainSchema.shape.seed.meta(about('Decides inputs, projection and directions.')),
  tolerance: z.number().gt(0).default(1e-2).meta(about('Largest relative error of a directional derivative.')),
  threads: modelAndText.threads,
});

/** Resolved configuration of a training run: every default filled in. */
export type TrainConfig = z.output<typeof trainSchema>;
/** What a user writes: only what has no default is required. */
export type TrainOptions = z.input<typeof trainSchema>;
export type EvalConfig = z.output<typeof evalSchema>;
export type EvalOptions = z.input<typeof evalSchema>;
export type PredictConfig = z.output<typeof predictSchema>;
export type PredictOptions = z.input<typeof predictSchema>;
export type BenchStepConfig = z.output<typeof benchStepSchema>;
export type BenchStepOptions = z.input<typeof benchStepSchema>;
export type GradcheckConfig = z.output<typeof gradcheckSchema>;
export type GradcheckOptions = z.input<typeof gradcheckSchema>;
