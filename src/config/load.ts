// Reads a configuration file, YAML or JSON. What the keys mean is for schema.ts.

import { readFileSync, statSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { kindOf } from '../files/kind-of.js';
import { readYaml, YamlProblem } from './yaml.js';

/**
 * The object a configuration file holds.
 * @throws UsageError for an unreadable file, broken syntax (with its line) or something other than an object
 */
export function readConfigFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    // A named pipe may have nobody at its other end; those of a shell (<(…), /dev/stdin) have.
    const found = statSync(file);
    if (found.isFIFO() && !/^\/(dev|proc)\//.test(file)) throw new Error(`it is ${kindOf(found)}, not a file`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`configuration file ${file} cannot be read: ${(error as Error).message}`);
  }
  let value: unknown;
  try {
    value = readYaml(text);
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    throw new UsageError(`${file}:${error.line ?? '?'}: neither YAML nor JSON: ${error.message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const found = Array.isArray(value) ? 'a list' : (JSON.stringify(value) ?? 'nothing');
  throw new UsageError(`${file}: a configuration file holds options as 'name: value', found ${found}`);
}
