// What every command shares: a configuration from file and flags (flags.ts), one JSON object on stdout with --json, and
// the exit codes 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. Text for people goes to stderr.

import { listOptions, parseOptions } from '../config/options.js';
import type { z } from '../config/zod.js';
import { OrtuneError } from '../errors.js';
import { isError } from '../realm.js';
import { flagsGiven, withFlags } from './flags.js';
import { beginWork } from './interrupt.js';
import { beQuiet, complain, end, write } from './output.js';

/** What a command hands back: what --json prints, the same for people, and whether the work came out well. */
export interface Result {
  json: object;
  /** Text for stdout without --json; undefined when everything has been said on the way. */
  text?: string;
  ok?: boolean;
}

/** The checked configuration of a command: a base (arguments or a file), then the flags. */
export function configOf<S extends z.ZodObject>(
  schema: S,
  base: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, unknown>>,
  where?: string,
): z.output<S> {
  return parseOptions(schema, withFlags(schema, base, flags), {
    where,
    flags: where === undefined ? listOptions(schema) : flagsGiven(schema, flags),
  });
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
  flags: { json?: boolean; quiet?: boolean; debug?: boolean },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<never> {
  const signal = beginWork();
  if (flags.quiet) beQuiet();
  let code = 0;
  let printed: string | undefined;
  try {
    const result = await work(signal);
    printed = flags.json ? JSON.stringify(result.json) : result.text;
    code = result.ok === false ? 1 : 0;
  } catch (error) {
    if (signal.aborted) {
      if (error instanceof OrtuneError) complain(`ortune: ${error.message}`);
      if (flags.json) printed = JSON.stringify({ error: { name: 'Interrupted', message: 'interrupted' } });
    } else {
      const { message, name, code: failed } = failure(error, flags.debug === true);
      code = failed;
      complain(`ortune: ${message}`);
      if (flags.json) printed = JSON.stringify({ error: { name, message } });
    }
  }
  const out = printed === undefined || (await write(printed));
  if (!out && code === 0) code = 1;
  return end(signal.aborted ? 130 : code);
}
