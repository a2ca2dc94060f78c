// Flags made from a schema: how they are shown, read, and laid over a configuration. What the options are is for
// src/config alone.

import { type Command, Option as Flag, InvalidArgumentError } from 'commander';
import { listForHelp, listOptions, type Option } from '../config/options.js';
import { readYaml, YamlProblem } from '../config/yaml.js';
import type { z } from '../config/zod.js';
import { nearest } from '../nearest.js';
import { printable } from '../quote.js';

/** What every command has, in help. */
export const generalHeading = 'General:';

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

/** A flag with what stands for its value: '--learning-rate <N>'. */
export function termOf(option: Option): string {
  const value = option.value === undefined ? '' : option.impliedValue ? ` [${option.value}]` : ` <${option.value}>`;
  return option.flag + value;
}

function flagOf(option: Option): Flag {
  const off = option.kind === 'boolean' && option.default === true ? `; ${noFlag(option)} turns it off` : '';
  const fallback = option.default === undefined || option.many ? '' : ` (default: ${option.default}${off})`;
  const unseen = option.choices.length > 0 && option.value === 'NAME' ? ` One of ${option.choices.join(', ')}.` : '';
  const bare = option.impliedValue === undefined ? '' : ` Without a value: ${option.impliedValue}.`;
  const again = option.many ? ' May be given several times.' : '';
  const flag = new Flag(termOf(option), option.description + unseen + bare + again + fallback);
  flag.helpGroup(`${option.heading}:`);
  // A structure may be the whole list at once.
  if (option.many)
    return flag.argParser<unknown[]>((text, before) => [...(before ?? []), ...[read(option, text)].flat()]);
  const asIs = option.kind === 'text' || option.kind === 'boolean';
  return asIs ? flag : flag.argParser((text) => read(option, text));
}

/** The flag that takes a switch back. */
export const noFlag = (option: Option): string => option.flag.replace('--', '--no-');

const schemas = new WeakMap<Command, z.ZodObject>();

/** The options of a command that has a schema. */
export function optionsOf(command: Command): readonly Option[] {
  const schema = schemas.get(command);
  return schema ? listForHelp(schema) : [];
}

/** Whether the flags of a command are wanted: schemas of all take a tenth of a second. */
function isWanted(command: Command): boolean {
  const above = command.parent?.parent ? command.parent.name() : command.name();
  return ['completion', above, command.name()].some((name) => process.argv.includes(name));
}

/**
 * Adds a flag for every option of the schema; `unknown`: what to say of a flag that there is not, where it is near
 * none.
 */
export function addOptions(command: Command, schema: z.ZodObject, { unknown = '' } = {}): Command {
  if (!isWanted(command)) return command;
  schemas.set(command, schema);
  for (const option of listForHelp(schema)) {
    command.addOption(flagOf(option));
    if (option.kind === 'boolean') command.addOption(new Flag(noFlag(option)).hideHelp());
  }
  // Commander knows our flags only; the schema also knows what they are called elsewhere, so its word comes first.
  command.configureOutput({
    outputError: (raw, print) => {
      const text = printable(raw);
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

export const outputFlags = ['--json', '--quiet', '--debug'];

/** --json, --quiet and --debug, which every command has. */
export const addOutputFlags = (command: Command): Command =>
  command
    .addOption(new Flag('--json', 'print one JSON object on stdout, as the last line').helpGroup(generalHeading))
    .addOption(new Flag('--quiet', 'say nothing but the result and errors').helpGroup(generalHeading))
    .addOption(new Flag('--debug', 'show where an unexpected error happened').hideHelp());

/** Of commands that take a configuration. */
export const printConfig = (): Flag =>
  new Flag('--print-config', 'print every option as it would be used, as YAML, and start nothing').helpGroup(
    generalHeading,
  );

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

/** The options that flags gave, each by its key. */
export const flagsGiven = (schema: z.ZodObject, flags: Readonly<Record<string, unknown>>): readonly Option[] =>
  listOptions(schema).filter((option) => flags[attributeOf(option)] !== undefined);
