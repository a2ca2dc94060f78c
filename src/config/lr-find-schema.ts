// The options of `ortune lr-find`: those of the training run that it finds a rate for, but for what it writes and goes
// on from, and the range of rates.

import { contradictions } from './contradictions.js';
import { about, place } from './fields.js';
import type { LrFindFields } from './option-types.js';
import { resolved } from './resolve.js';
import { type TrainConfig, type TrainOptions, trainSchema } from './train-schema.js';
import { z } from './zod.js';

/** What a run writes and goes on from, and what a program gives to a run. */
const ofOneRun = ['output', 'overwrite', 'resume', 'allowChanges', 'test', 'tensorboard'] as const;
type OfOneRun = (typeof ofOneRun)[number] | 'callbacks' | 'metrics';

const train = Object.fromEntries(
  Object.entries(trainSchema.shape).filter(([key]) => !(ofOneRun as readonly string[]).includes(key)),
) as Omit<typeof trainSchema.shape, (typeof ofOneRun)[number]>;

const options = z.strictObject({
  ...train,
  startRate: z
    .number()
    .gt(0)
    .default(1e-6)
    .meta(about('Learning rate of the first step.', { aliases: ['start_lr', 'min_lr', 'lr_start'] })),
  endRate: z
    .number()
    .gt(0)
    .default(1)
    .meta(
      about('Learning rate of the last step, where the loss has not gone up for good before.', {
        aliases: ['end_lr', 'max_lr', 'lr_end'],
      }),
    ),
  steps: z
    .int()
    .min(10)
    .max(10_000)
    .default(100)
    .meta(about('Optimizer steps from startRate to endRate.', { aliases: ['num_it', 'num_training', 'num_steps'] })),
  svg: place.optional().meta(about('File to write a plot of the losses to, as SVG.', { value: 'FILE' })),
});

export type LrFindConfig = z.output<typeof options>;
/** What `findLearningRate` takes: the options of a run, but for those of what it writes. */
export type LrFindOptions = LrFindFields & Omit<TrainOptions, OfOneRun>;

/** Everything `ortune lr-find` and `findLearningRate` take; options that contradict each other are refused. */
export const lrFindSchema = options.overwrite(resolved).superRefine((config, context) => {
  for (const message of contradictions(trainPart(config, ''))) context.addIssue({ code: 'custom', message });
  if (config.endRate <= config.startRate)
    context.addIssue({
      code: 'custom',
      message: `options 'startRate' (${config.startRate}) and 'endRate' (${config.endRate}) contradict each other: rates grow; raise endRate, or lower startRate`,
    });
});

/** The file of a run without what the test has no use for. */
export const ofRun = (file: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(file).filter(([key]) => !(ofOneRun as readonly string[]).includes(key)));

/** The run that writes to `output`. */
export function trainPart(config: LrFindConfig, output: string): TrainConfig {
  const { startRate, endRate, steps, svg, ...rest } = config;
  const alone = { output, overwrite: false, resume: undefined, allowChanges: false, test: undefined };
  return { ...rest, ...alone, tensorboard: false };
}
