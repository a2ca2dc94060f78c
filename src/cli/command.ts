// What every command shares: flags made from a schema, a configuration from file and flags, one JSON object on stdout
// with --json, and the exit codes 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. Text for people goes to
// stderr.

import { type Command, Option as Flag, InvalidArgumentError } from 'commander';
import { listOptions, type Option, parseOptions } from '../config/options.js';
import { readYaml, YamlProblem } from '../config/yaml.js';
import type { z } from '../config/zod.js';
import { OrtuneError } from '../errors.js';
import { nearest } from '../nearest.js';
import { isError } from '../realm.js';
import { beginWork } from './interrupt.js';
import { end, say, write } from './output.js';

/** What a command hands back: what --json prints, the same for people, and whether the work came out well. */
export interface Result {
  json: object;
  /** Text for stdout without --json; undefined when everything has been said on the way. */
  text?: string;
  ok?: boolean;
}

const attributeOf = (option: Option): string => new Flag(option.flag).attributeName();

const toNumber = (text: string): number | string =>
  text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);

/** The value a flag's text stands for; what kind says, so that the schema can judge it. */
function read(option: Option, text: string): unknown {
  if (option.kind === 'number') return toNumber(text);
  if (option.kind === 'numbers') return text.includes(',') ? text.split(',').map(toNumber) : toNumber(text);
  if (option.kind !== 'structure') return text;
  try {
    return readYaml(text);
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    throw new InvalidArgumentError(`It is read as YAML: ${error.message}.`);
  }
}

function flagOf(option: Option): Flag {
  const off = option.kind === 'boolean' && option.default === true ? `; ${noFlag(option)} turns it off` : '';
  const fallback = option.default === undefined || option.many ? '' : ` (default: ${option.default}${off})`;
  const value = option.value === undefined ? '' : option.impliedValue ? ` [${option.value}]` : ` <${option.value}>`;
  const unseen = option.choices.length > 0 && option.value === 'NAME' ? ` One of ${option.choices.join(', ')}.` : '';
  const bare = option.impliedValue === undefined ? '' : ` Without a value: ${option.impliedValue}.`;
  const again = option.many ? ' May be given several times.' : '';
  const flag = new Flag(option.flag + value, option.description + unseen + bare + again + fallback);
  // A structure may be the whole list at once.
  if (option.many)
    return flag.argParser<unknown[]>((text, before) => [...(before ?? []), ...[read(option, text)].flat()]);
  const asIs = option.kind === 'text' || option.kind === 'boolean';
  return asIs ? flag : flag.argParser((text) => read(option, text));
}

const noFlag = (option: Option): string => option.flag.replace('--', '--no-');

/**
 * Adds a flag for every option of the schema; `unknown`: what to say of a flag that there is not, where it is near
 * none.
 */
export function addOptions(command: Command, schema: z.ZodObject, { unknown = '' } = {}): Command {
  // A command that is not named is neither run nor explained, and schemas of all take a tenth of a second.
  if (!process.argv.includes(command.name())) return command;
  for (const option of listOptions(schema)) {
    command.addOption(flagOf(option));
    if (option.kind === 'boolean') command.addOption(new Flag(noFlag(option)).hideHelp());
  }
  // Commander knows our flags only; the schema also knows what they are called elsewhere, so its word comes first.
  command.configureOutput({
    outputError: (text, print) => {
      const [said] = text.match(/unknown option '.*/) ?? [];
      if (said === undefined) return print(text);
      const [, name] = said.match(/'--([^'=]+)/) ?? [];
      const close = name && nearest(name, listOptions(schema));
      const flag = listOptions(schema).find(({ key }) => key === close)?.flag;
      const otherwise = text.includes('Did you mean') ? '' : unknown;
      const hint = flag ? `(Did you mean ${flag}?)` : otherwise;
      print(hint ? `error: ${said}\n${hint}\n` : text);
    },
  });
  return addOutputFlags(command);
}

/** --json and --debug, which every command has. */
export const addOutputFlags = (command: Command): Command =>
  command
    .addOption(new Flag('--json', 'print one JSON object on stdout, as the last line'))
    .addOption(new Flag('--debug', 'show where an unexpected error happened').hideHelp());

/** Flags over a configuration: a nested flag keeps its siblings, also where the file gave one number for all. */
export function withFlags(
  schema: z.ZodObject,
  base: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const config: Record<string, unknown> = { ...base };
  for (const option of listOptions(schema)) {
    const given = flags[attributeOf(option)];
    if (given === undefined) continue;
    const value = given === true && option.impliedValue !== undefined ? option.impliedValue : given;
    const [parent, child] = option.key.split('.') as [string, string?];
    if (child === undefined) {
      config[parent] = value;
      continue;
    }
    const old = config[parent];
    const nested = listOptions(schema).filter((o) => o.key.startsWith(`${parent}.`));
    const spread = typeof old === 'number' ? nested.map((o) => [o.key.slice(parent.length + 1), old]) : undefined;
    config[parent] = { ...(spread ? Object.fromEntries(spread) : (old as object | undefined)), [child]: value };
  }
  return config;
}

/** The checked configuration of a command: a base (arguments or a file), then the flags. */
export function configOf<S extends z.ZodObject>(
  schema: S,
  base: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, unknown>>,
  where?: string,
): z.output<S> {
  return parseOptions(schema, withFlags(schema, base, flags), where);
}

function failure(error: unknown, debug: boolean): { code: number; name: string; message: string } {
  if (error instanceof OrtuneError) return { code: error.exitCode, name: error.name, message: error.message };
  const { name, message, stack } = isError(error) ? error : new Error(String(error));
  const what = `unexpected ${name}: ${message}`;
  return {
    code: 1,
    name,
    message: debug ? `${what}\n${stack}` : `${what}\nThis is a fault of ortune. --debug shows where it happened.`,
  };
}

/** Runs the work of a command, prints its result and ends the process with the exit code. */
export async function execute(
  flags: { json?: boolean; debug?: boolean },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<never> {
  const signal = beginWork();
  let code = 0;
  let printed: string | undefined;
  try {
    const result = await work(signal);
    printed = flags.json ? JSON.stringify(result.json) : result.text;
    code = result.ok === false ? 1 : 0;
  } catch (error) {
    if (signal.aborted) {
      if (error instanceof OrtuneError) say(`ortune: ${error.message}`);
      if (flags.json) printed = JSON.stringify({ error: { name: 'Interrupted', message: 'interrupted' } });
    } else {
      const { message, name, code: failed } = failure(error, flags.debug === true);
      code = failed;
      say(`ortune: ${message}`);
      if (flags.json) printed = JSON.stringify({ error: { name, message } });
    }
  }
  const out = printed === undefined || (await write(printed));
  if (!out && code === 0) code = 1;
  return end(signal.aborted ? 130 : code);
}
