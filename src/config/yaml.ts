// YAML text, and JSON as the subset of it that it is, to plain values; what is wrong with a text as one sentence.

import { parse, YAMLParseError } from 'yaml';
import { isErrorNamed } from '../realm.js';

/** A text that is no YAML; `line` counts from 1, undefined where the parser gives none. */
export class YamlProblem extends Error {
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}

/** @throws YamlProblem */
export function readYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    if (error instanceof YAMLParseError)
      throw new YamlProblem(
        error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:$/, ''),
        error.linePos?.[0].line,
      );
    // The parser's word for a reference to nothing, which is what a pattern is when its quotes are forgotten.
    if (!isErrorNamed(error, 'ReferenceError')) throw error;
    const alias = /Unresolved alias.*: (.*)$/.exec(error.message)?.[1];
    if (!alias) throw new YamlProblem(error.message);
    const line = text.split('\n').findIndex((one) => one.includes(`*${alias}`)) + 1;
    throw new YamlProblem(`put quotes around '*${alias}': unquoted, a leading * is a reference`, line);
  }
}
