// The options of all tasks together, as the schemas of commands take them: each task says its own, and which of them
// there are depends on nothing but the table of tasks.

import { type TaskName, taskNames, tasks } from '../tasks/tasks.js';
import { about, fieldKit, headings, under } from './fields.js';
import { z } from './zod.js';

type FieldsOf<T> = T extends { fields: (kit: never) => infer F } ? F : never;
type Each = FieldsOf<(typeof tasks)[number]>;
type PartOf<F, K extends PropertyKey> = F extends Record<K, infer S> ? S : never;
type Together<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never;
type Merged<K extends 'all' | 'train' | 'predict'> = Together<PartOf<Each, K>>;

const fields = tasks.map(({ name, shared, fields }) => ({ name, shared, fields: fields(fieldKit) }));

/** Tasks that have an option, whichever part it is of. */
const having = (key: string): string[] =>
  fields
    .filter(({ fields: { all, train, predict } }) => key in { ...all, ...train, ...predict })
    .map(({ name }) => name);

/** Where help lists an option: those of nearly all tasks, of two, or of one. */
function headingOf(key: string): string {
  const names = having(key);
  return names.length > 2 ? headings.columns : `${headings.tasks} ${names.join(' and ')}`;
}

function merged<K extends 'all' | 'train' | 'predict'>(part: K): Merged<K> {
  const all: Record<string, z.ZodType> = Object.assign({}, ...fields.map(({ fields }) => fields[part]));
  const headed = Object.entries(all).map(([key, field]) => [key, under(headingOf(key), { field }).field]);
  return Object.fromEntries(headed) as Merged<K>;
}

/** Of training and evaluation, of training alone, and of prediction. */
export const taskFields = { all: merged('all'), train: merged('train'), predict: merged('predict') };

/** Options that the runs of a comparison share. */
export type SharedTaskField = (typeof tasks)[number]['shared'][number];
export const sharedTaskFields = [...new Set(fields.flatMap(({ shared }) => shared))] as SharedTaskField[];

/** Optional as one writes it, and always there in a configuration: resolve.ts fills it in. */
export const task = z
  .enum(taskNames)
  .optional()
  .meta(
    about(
      `What the model is for: ${listed(tasks.map(({ purpose }) => purpose))}. Default that of the data: pictures where they are a folder, tensors or have an imageColumn, else ${tasks[0].name}.`,
      { first: true },
    ),
  ) as unknown as z.ZodDefault<z.ZodEnum<{ [K in TaskName]: K }>>;

function listed(items: readonly string[]): string {
  return `${items.slice(0, -1).join(', ')}, or ${items.at(-1)}`;
}

/** Tasks that have an option. */
const owners = new Map<string, string[]>();
const defaults = new Map<string, string>();
for (const { name, fields: own } of fields)
  for (const [key, schema] of Object.entries({ ...own.all, ...own.train } as z.ZodRawShape)) {
    owners.set(key, [...(owners.get(key) ?? []), name]);
    defaults.set(key, JSON.stringify((schema as z.ZodType).safeParse(undefined).data) ?? '');
  }

/** Sentences about options that are given and belong to other tasks than the configuration's. */
export function* ofOtherTasks(config: { task: string } & Record<string, unknown>): Generator<string> {
  for (const [key, of] of owners) {
    if (of.includes(config.task) || !(key in config)) continue;
    if ((JSON.stringify(config[key]) ?? '') === defaults.get(key)) continue;
    yield `option '${key}' is for task ${of.join(' and ')}, and the task is ${config.task}; leave it out, or set task`;
  }
}
