// Reads a configuration file, YAML or JSON. What the keys mean is for schema.ts.

import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { UsageError } from '../errors.js';

/**
 * The object a configuration file holds; JSON is read as the subset of YAML that it is.
 * @throws UsageError for an unreadable file, broken syntax (with its line) or something other than an object
 */
export function readConfigFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`configuration file ${file} cannot be read: ${(error as Error).message}`);
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line ?? '?';
    throw new UsageError(`${file}:${line}: neither YAML nor JSON: ${error.message.split('\n')[0]}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const found = Array.isArray(value) ? 'a list' : (JSON.stringify(value) ?? 'nothing');
  throw new UsageError(`${file}: a configuration file holds options as 'name: value', found ${found}`);
}
