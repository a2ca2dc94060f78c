// Reads a schema as a list of options: what each is called, takes and means. From it come the checks with their
// messages, the command line's flags and the table in docs/options.md. Nested keys are written with a dot
// ('dropout.hidden').

import { UsageError } from '../errors.js';
import { withoutUrls } from '../files/path-of.js';
import { explain, show } from './explain.js';
import { headings } from './fields.js';
import { expectation, type Shape, shapeOf } from './shape.js';
import type { z } from './zod.js';

type Schema = z.ZodObject;

export interface Option {
  /** Path in the configuration: 'learningRate', 'dropout.hidden'. */
  key: string;
  /** '--learning-rate' */
  flag: string;
  /** Placeholder of the value in help; undefined for a switch. */
  value: string | undefined;
  /** What the flag stands for when it is given without a value; undefined where it needs one. */
  impliedValue: string | undefined;
  /** The values there are, where they can be listed. */
  choices: readonly string[];
  /** What the text after the flag is read as; a structure is written in YAML, numbers have commas between. */
  kind: 'number' | 'numbers' | 'boolean' | 'text' | 'structure';
  /** May be given several times. */
  many: boolean;
  required: boolean;
  default: unknown;
  /** 'a number above 0' */
  expects: string;
  description: string;
  aliases: readonly string[];
  /** Another value gives the same weights step by step. */
  changesNothing: boolean;
  /** What help lists it under, one of `headings`. */
  heading: string;
}

const kebab = (key: string): string => key.replaceAll('.', '-').replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** The scalar that a flag gives: of a list its elements, of alternatives the first. */
const scalarOf = (shape: Shape): Shape => (shape.type === 'array' ? (shape.items ?? {}) : (shape.anyOf?.[0] ?? shape));

const isObject = (shape: Shape): boolean =>
  shape.type === 'object' || (shape.anyOf?.some(isObject) ?? false) || (!!shape.items && isObject(shape.items));

const isList = (shape: Shape): boolean => shape.type === 'array' || (shape.anyOf?.some(isList) ?? false);

function kindOf(shape: Shape): Option['kind'] {
  if (shape.list) return 'numbers';
  if (isObject(shape)) return 'structure';
  const { type } = scalarOf(shape);
  return type === 'boolean' ? 'boolean' : type === 'integer' || type === 'number' ? 'number' : 'text';
}

/** What stands for the value in help; undefined for a switch. */
function placeholder(shape: Shape): string | undefined {
  const kind = kindOf(shape);
  if (kind === 'boolean') return undefined;
  const choices = shape.enum?.join('|');
  // A long one would leave help no room for what the options mean.
  const short = choices && choices.length > 24 ? 'NAME' : choices;
  return shape.value ?? short ?? { number: 'N', numbers: 'N', text: 'TEXT', structure: 'YAML' }[kind];
}

function* optionsOf(shape: Shape, prefix: string, above = headings.own): Generator<Option> {
  for (const [name, property] of Object.entries(shape.properties ?? {})) {
    if (property.not) continue;
    const key = prefix + name;
    const heading = property.first ? headings.first : (property.heading ?? above);
    yield {
      key,
      flag: `--${kebab(key)}`,
      value: placeholder(property),
      impliedValue: property.impliedValue,
      choices: property.enum ?? [],
      kind: kindOf(property),
      many: !property.list && isList(property),
      required: prefix === '' && (shape.required?.includes(name) ?? false),
      default: property.anyOf?.some((s) => s.properties) ? undefined : property.default,
      expects: expectation(property),
      description: property.description ?? '',
      aliases: property.aliases ?? [],
      changesNothing: property.changesNothing ?? false,
      heading,
    };
    for (const nested of property.anyOf ?? []) yield* optionsOf(nested, `${key}.`, heading);
  }
}

const known = new WeakMap<Schema, Option[]>();

/** The options of a schema in the order of its definition, nested ones after their parent. */
export function listOptions(schema: Schema): readonly Option[] {
  let options = known.get(schema);
  if (!options) {
    options = [...optionsOf(shapeOf(schema), '')];
    known.set(schema, options);
  }
  return options;
}

const order = Object.values(headings);
const placeOf = ({ heading }: Option): number => order.indexOf(order.find((one) => heading.startsWith(one)) ?? '');

/** The same in the order of help: by heading. */
export const listForHelp = (schema: Schema): readonly Option[] =>
  listOptions(schema).toSorted((a, b) => placeOf(a) - placeOf(b));

/** The keys whose value does not change what a run computes, so that a run may be resumed with another. */
export const optionsThatChangeNothing = (schema: Schema): ReadonlySet<string> =>
  new Set(
    listOptions(schema)
      .filter((option) => option.changesNothing)
      .map((option) => option.key),
  );

/** Where a configuration comes from, for messages. */
export interface Source {
  /** What to call it, such as the name of a file. */
  where?: string | undefined;
  /** Options that were typed as flags, or would have been, and are called so. */
  flags?: readonly Option[];
}

/** A message with the flags in place of the keys that it names. */
function nameFlags(message: string, flags: readonly Option[]): string {
  const flagOf = new Map(flags.map(({ key, flag }) => [key, flag]));
  // A path into an option stays one behind its flag; a value that was found is none.
  const quoted = message.replace(/(?<!found )'([\w.]+)([[.][^']*)?'/g, (text, key: string, inner = '') => {
    if (flagOf.has(key)) return `'${flagOf.get(key)}${inner}'`;
    const [top = '', ...rest] = key.split('.');
    return flagOf.has(top) ? `'${[flagOf.get(top), ...rest].join('.')}${inner}'` : text;
  });
  // Names of several words are no words of a sentence.
  return quoted.replace(/(?<![\w.'\]-])[a-z]+[A-Z]\w*(?![\w.'[])/g, (word) => flagOf.get(word) ?? word);
}

/**
 * Checks a configuration against a schema and fills in the defaults.
 * @throws UsageError that lists every wrong, missing and unknown option; where there are none of these, every
 *   contradiction between options
 */
export function parseOptions<S extends Schema>(
  schema: S,
  given: unknown,
  { where, flags = [] }: Source = {},
): z.output<S> {
  const input = withoutUrls(given);
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  // A contradiction may come of an option that is wrong anyway.
  const wrong = result.error.issues.filter(({ code }) => code !== 'custom');
  const issues = wrong.length > 0 ? wrong : result.error.issues;
  const problems = issues.flatMap((issue) => explain(issue, input, shapeOf(schema), listOptions(schema)));
  const named = [...new Set(problems)].map((problem) => nameFlags(problem, flags));
  const typed = named.every((problem) => problem.includes("'--"));
  throw new UsageError((where && !typed ? `${where}: ` : '') + named.join('\n'));
}

/** Markdown table of the options, for docs/options.md; without those that the schema `except` has too. */
export function optionTable(schema: Schema, except?: Schema): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const known = new Set(except && listOptions(except).map(({ key }) => key));
  const options = listOptions(schema).filter(({ key }) => !known.has(key));
  const rows = options.map((o) => {
    const fallback = o.required ? 'required' : o.default === undefined ? '' : `\`${show(o.default)}\``;
    return `| \`${o.key}\` | ${cell(fallback)} | ${cell(o.description)} Takes ${cell(o.expects)}. |`;
  });
  return ['| option | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}
