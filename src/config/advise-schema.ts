// The options of `ortune advise`: those of a training run, as far as they are not what is asked, and the time that the
// answer may take.

import { contradictions } from './contradictions.js';
import { about, forbidden, names } from './fields.js';
import { resolved } from './resolve.js';
import { type TrainConfig, trainSchema } from './train-schema.js';
import { z } from './zod.js';

const asked = 'what to do with the weights is what is asked';
const ofAnswer = {
  freeze: forbidden(asked),
  init: forbidden(asked),
  keepLayers: forbidden(asked),
  adapter: forbidden(asked),
  resume: forbidden('an answer takes minutes, and is made anew'),
  allowChanges: forbidden('an answer takes minutes, and is made anew'),
};

/** Ways to use the weights that are tried, from the cheapest to the dearest. */
const tried: readonly string[] = ['frozen', 'lora', 'finetuned', 'scratch'];

const options = z.strictObject({
  ...trainSchema.shape,
  ...ofAnswer,
  strategies: names
    .prefault([...tried])
    .meta(
      about(
        'Ways to use the model that are tried in short runs: frozen (a new head alone), lora (an adapter and the head), finetuned, scratch (from random weights); default all.',
        { value: 'NAME', aliases: ['strategy'], expects: `a list, each one of ${tried.join(', ')}` },
      ),
    ),
  budget: z
    .number()
    .gt(0)
    .default(300)
    .meta(
      about('Seconds that the answer may take, about: how much of the data is looked at, and for how long.', {
        value: 'SECONDS',
        aliases: ['time', 'max_time', 'time_limit'],
      }),
    ),
});

export type AdviseConfig = z.output<typeof options>;

/** Tasks that there is advice for. */
const advised: readonly string[] = ['text-classification', 'image-classification'];

export const adviseSchema = options.overwrite(resolved).superRefine((config, context) => {
  for (const message of problems(config)) context.addIssue({ code: 'custom', message });
});

/** The training run that advice is asked for, with everything trained. */
export function runPart({ budget, strategies, ...rest }: AdviseConfig): TrainConfig {
  return { ...rest, init: 'pretrained', freeze: [], keepLayers: undefined, adapter: undefined, ...anew };
}

const anew = { resume: undefined, allowChanges: false };

function* problems(config: AdviseConfig): Generator<string> {
  yield* contradictions(runPart(config));
  const { task, multiLabel, regression, labelRows, labelColumns, streaming } = config;
  if (!advised.includes(task))
    yield `there is no advice for task ${task} yet, only for ${advised.join(' and ')}: compare strategies with 'ortune compare'`;
  const others = { multiLabel, regression, labelRows, labelColumns };
  for (const [option, given] of Object.entries(others))
    if (given !== undefined && given !== false)
      yield `there is no advice for option '${option}' yet, only for samples of one class each: compare strategies with 'ortune compare'`;
  for (const name of config.strategies)
    if (!tried.includes(name)) yield `option 'strategies' names '${name}'; advice tries ${tried.join(', ')}`;
  if (streaming)
    yield "option 'streaming': advice looks at samples in memory; leave streaming out, or give a part of the data";
}
