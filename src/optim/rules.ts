// The optimizers, a row each: names, options, state and updates of all are read from here.

import type { z } from '../config/zod.js';
import { adadelta } from './rules/adadelta.js';
import { adam, adamw } from './rules/adam.js';
import { lion } from './rules/lion.js';
import { rmsprop } from './rules/rmsprop.js';
import type { OptimizerRule } from './rules/rule.js';
import { sgd } from './rules/sgd.js';

const rules = { adamw, adam, sgd, rmsprop, adadelta, lion };

/** Options of a training run that belong to one optimizer, of all of them. */
export const optimizerFields = {
  ...adamw.fields,
  ...sgd.fields,
  ...rmsprop.fields,
  ...adadelta.fields,
  ...lion.fields,
};

export type OptimizerName = keyof typeof rules;
/** Its name, and what it does not take from the parameter groups. */
export type OptimizerOptions = ReturnType<(typeof rules)[OptimizerName]['options']>;
/** Values of `optimizerFields`. */
export type OptimizerConfig = z.output<z.ZodObject<typeof optimizerFields>>;

export const optimizerNames = Object.keys(rules) as OptimizerName[];

/** A row, for the options of its own name. */
export const ruleOf = (name: OptimizerName) =>
  rules[name] as unknown as OptimizerRule<OptimizerOptions, typeof optimizerFields>;
