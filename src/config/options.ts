// Reads a schema as a list of options: what each is called, takes and means. From it come the checks with their
// messages, the command line's flags and the table in README. Nested keys are written with a dot ('dropout.hidden').

import { z } from 'zod';
import { UsageError } from '../errors.js';
import { nearest } from './nearest.js';

type Schema = z.ZodObject;

/** The part of JSON Schema that the schemas of this package come out as. */
interface Shape {
  type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
  enum?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
  description?: string;
  value?: string;
  also?: string[];
  properties?: Record<string, Shape>;
  required?: string[];
  items?: Shape;
  anyOf?: Shape[];
}

export interface Option {
  /** Path in the configuration: 'learningRate', 'dropout.hidden'. */
  key: string;
  /** '--learning-rate' */
  flag: string;
  /** Placeholder of the value in help; undefined for a switch. */
  value: string | undefined;
  /** What the text after the flag is read as. */
  kind: 'number' | 'boolean' | 'text';
  /** May be given several times. */
  many: boolean;
  required: boolean;
  default: unknown;
  /** 'a number above 0' */
  expects: string;
  description: string;
  also: readonly string[];
}

const plain = (n: number): string => (Math.abs(n) === Number.MAX_SAFE_INTEGER ? '' : String(n));

function bounds(shape: Shape): string {
  const low = shape.exclusiveMinimum !== undefined ? `above ${shape.exclusiveMinimum}` : '';
  const high = shape.exclusiveMaximum !== undefined ? `below ${shape.exclusiveMaximum}` : '';
  const least = shape.minimum === undefined ? '' : plain(shape.minimum);
  const most = shape.maximum === undefined ? '' : plain(shape.maximum);
  if (least && most) return ` from ${least} to ${most}`;
  const parts = [low || (least && `of at least ${least}`), high || (most && `of at most ${most}`)].filter(Boolean);
  return parts.length > 0 ? ` ${parts.join(' and ')}` : '';
}

function expectation(shape: Shape): string {
  if (shape.enum) return shape.enum.length === 1 ? `'${shape.enum[0]}'` : `one of ${shape.enum.join(', ')}`;
  if (shape.anyOf) return shape.anyOf.map(expectation).join(' or ');
  switch (shape.type) {
    case 'integer':
      return `a whole number${bounds(shape)}`;
    case 'number':
      return `a number${bounds(shape)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list, each ${expectation(shape.items ?? {})}`;
    case 'object':
      return `an object of ${Object.keys(shape.properties ?? {}).join(', ')}`;
    default:
      return 'a non-empty text';
  }
}

const kebab = (key: string): string => key.replaceAll('.', '-').replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** The scalar that a flag gives: of a list its elements, of alternatives the first. */
const scalarOf = (shape: Shape): Shape => (shape.type === 'array' ? (shape.items ?? {}) : (shape.anyOf?.[0] ?? shape));

function kindOf(shape: Shape): Option['kind'] {
  const { type } = scalarOf(shape);
  return type === 'boolean' ? 'boolean' : type === 'integer' || type === 'number' ? 'number' : 'text';
}

/** What stands for the value in help; undefined for a switch. */
function placeholder(shape: Shape): string | undefined {
  const kind = kindOf(shape);
  if (kind === 'boolean') return undefined;
  return shape.value ?? shape.enum?.join('|') ?? (kind === 'number' ? 'N' : 'TEXT');
}

const isList = (shape: Shape): boolean => shape.type === 'array' || (shape.anyOf?.some(isList) ?? false);

function* optionsOf(shape: Shape, prefix: string): Generator<Option> {
  for (const [name, property] of Object.entries(shape.properties ?? {})) {
    const key = prefix + name;
    yield {
      key,
      flag: `--${kebab(key)}`,
      value: placeholder(property),
      kind: kindOf(property),
      many: isList(property),
      required: prefix === '' && (shape.required?.includes(name) ?? false),
      default: property.anyOf?.some((s) => s.properties) ? undefined : property.default,
      expects: expectation(property),
      description: property.description ?? '',
      also: property.also ?? [],
    };
    for (const nested of property.anyOf ?? []) yield* optionsOf(nested, `${key}.`);
  }
}

const known = new WeakMap<Schema, Option[]>();

/** The options of a schema in the order of its definition, nested ones after their parent. */
export function listOptions(schema: Schema): readonly Option[] {
  let options = known.get(schema);
  if (!options) {
    options = [...optionsOf(z.toJSONSchema(schema, { io: 'input' }) as Shape, '')];
    known.set(schema, options);
  }
  return options;
}

const show = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);

function explain(issue: z.core.$ZodIssue, input: unknown, options: readonly Option[]): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const prefix = path.map((p) => `${p}.`).join('');
    return issue.keys
      .map((name) => {
        const close = nearest(prefix + name, options);
        return `unknown option '${prefix}${name}'${close ? `; did you mean '${close}'?` : ''}`;
      })
      .join('\n');
  }
  if (path.length === 0) return `the configuration must be an object of options, found ${show(input)}`;
  const option = options.find((o) => o.key === path.slice(0, 2).join('.')) ?? options.find((o) => o.key === path[0]);
  const found = valueAt(input, option ? option.key.split('.') : issue.path);
  if (found === undefined && option?.required)
    return `option '${option.key}' is missing: ${option.description} It takes ${option.expects}`;
  return `option '${option?.key ?? path.join('.')}' must be ${option?.expects ?? 'something else'}, found ${show(found)}`;
}

/**
 * Checks a configuration against a schema and fills in the defaults.
 * @param where what to call its source in messages, such as a file name
 * @throws UsageError that lists every wrong, missing and unknown option
 */
export function parseOptions<S extends Schema>(schema: S, input: unknown, where?: string): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const options = listOptions(schema);
  const problems = result.error.issues.map((issue) => explain(issue, input, options));
  throw new UsageError((where ? `${where}: ` : '') + [...new Set(problems)].join('\n'));
}

/** Markdown table of the options, for README. */
export function optionTable(schema: Schema): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = listOptions(schema).map((o) => {
    const fallback = o.required ? 'required' : o.default === undefined ? '' : `\`${show(o.default)}\``;
    return `| \`${o.key}\` | ${cell(fallback)} | ${cell(o.description)} Takes ${cell(o.expects)}. |`;
  });
  return ['| option | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}
