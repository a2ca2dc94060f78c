// The space of `ortune search`: for any options of a training run the values to try, each checked as the option itself
// is. A list, null for the option left out; or for numbers a range to draw from.

import { forbidden, withoutDefault } from './fields.js';
import type { TrainFields } from './option-types.js';
import { trainSchema } from './train-schema.js';
import { z } from './zod.js';

/** Numbers to draw from, both ends included; whole ones where the option takes whole ones. */
export interface Range {
  min: number;
  max: number;
  /** log: as often between 1 and 10 as between 10 and 100. Default linear. */
  scale?: 'linear' | 'log' | undefined;
}

/** What may be tried for single options; nested ones are written with a dot, 'dropout.hidden'. */
export type SearchSpace = {
  readonly [K in keyof TrainFields]?: readonly (TrainFields[K] | null)[] | Range | undefined;
} & { readonly [nested: `${string}.${string}`]: readonly unknown[] | Range };

const same = 'it is the same for all trials, or their figures could not be compared';
const own = 'every trial has its own';
/** Options that are no trial's. */
const left = {
  ...{ train: forbidden(same), eval: forbidden(same), evalSplit: forbidden(same), test: forbidden(same) },
  ...{ task: forbidden(same), evalStrategy: forbidden(same), metricForBestModel: forbidden(same) },
  ...{ output: forbidden(own), trunkCacheDirectory: forbidden('all trials share it') },
  ...{ overwrite: forbidden('it is for the whole search'), resume: forbidden('a search goes on by itself') },
  allowChanges: forbidden('a search goes on with the options it was begun with'),
};

function unwrapped(schema: z.ZodType): z.ZodType {
  const inner = withoutDefault(schema);
  return inner instanceof z.ZodOptional ? unwrapped(inner.unwrap() as z.ZodType) : inner;
}

/** The options by their names, nested ones with a dot. */
function* searchable(): Generator<[key: string, schema: z.ZodType]> {
  for (const [key, schema] of Object.entries(trainSchema.shape)) {
    const inner = unwrapped(schema);
    yield [key, schema];
    for (const one of inner instanceof z.ZodUnion ? inner.options : [])
      if (one instanceof z.ZodObject)
        for (const [name, nested] of Object.entries(one.shape)) yield [`${key}.${name}`, nested];
  }
}

const numbers = new Map([...searchable()].map(([key, schema]) => [key, unwrapped(schema)] as const));

/** Whether an option takes whole numbers alone. */
export const isWhole = (key: string): boolean => {
  const schema = numbers.get(key);
  return schema instanceof z.ZodNumber && schema.isInt;
};

function valuesOf(schema: z.ZodType): z.ZodType {
  const { aliases } = (schema.meta() ?? {}) as { aliases?: string[] };
  const inner = unwrapped(schema);
  const list = z.array(z.union([inner, z.null()])).min(1);
  const meta = { ...(aliases && { aliases }) };
  if (!(inner instanceof z.ZodNumber))
    return list.optional().meta({ ...meta, expects: 'a list of one or more values' });
  const scale = z
    .enum(['linear', 'log'])
    .default('linear')
    .meta({ aliases: ['distribution', 'prior'] });
  const range = z.strictObject({
    min: inner.meta({ aliases: ['low', 'from', 'lower'] }),
    max: inner.meta({ aliases: ['high', 'to', 'upper'] }),
    scale,
  });
  return z
    .union([list, range])
    .optional()
    .meta({ ...meta, expects: 'a list of one or more values, or {min, max, scale}' });
}

export const spaceSchema = z
  .strictObject({
    ...Object.fromEntries([...searchable()].map(([key, schema]) => [key, valuesOf(schema)])),
    ...left,
  })
  .meta({
    expects: 'options of train, each with a list of values or {min, max, scale}',
  }) as unknown as z.ZodType<SearchSpace, SearchSpace>;

export const isRange = (values: readonly unknown[] | Range): values is Range => !Array.isArray(values);

/** Sentences about what each entry is allowed, and together is not. */
export function* spaceProblems(space: SearchSpace): Generator<string> {
  const entries = Object.entries(space);
  if (entries.length === 0)
    yield "option 'space' names no option to try values of; give at least one, such as {learningRate: [1e-4, 1e-3]}";
  for (const [key, values] of entries) {
    if (values === undefined) continue;
    if (isRange(values)) {
      const { min, max, scale } = values;
      if (min >= max) yield `option 'space.${key}' must have a min below its max, found ${min} and ${max}`;
      if (scale === 'log' && min <= 0)
        yield `option 'space.${key}' must have a min above 0 where scale is log, found ${min}`;
      continue;
    }
    const texts = values.map((value) => JSON.stringify(value));
    const twice = texts.find((text, i) => texts.indexOf(text) < i);
    if (twice !== undefined) yield `option 'space.${key}' has ${twice} twice: each may be there once`;
    const [parent] = key.split('.');
    if (parent !== key && parent! in space)
      yield `options 'space.${parent}' and 'space.${key}' contradict each other: one is a part of the other; leave one out`;
  }
}
