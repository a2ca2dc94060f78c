// Chooses parameters by pattern, the same wherever an option names parameters: a glob over the tensor's name in the
// file or its readable name ('*' spans dots and slashes, which are alike), or one of the words 'trunk' and 'head'.

import picomatch from 'picomatch';
import { UsageError } from '../errors.js';
import { quote } from '../quote.js';

/** What a pattern is compared with. */
export interface Named {
  name: string;
  alias: string;
  /** Belongs to the task's head: comes after the pooling. */
  head: boolean;
}

const flat = (name: string): string => name.replaceAll('/', '.');

function tester(pattern: string): (p: Named) => boolean {
  if (pattern === 'trunk') return (p) => !p.head;
  if (pattern === 'head') return (p) => p.head;
  const matches = picomatch(flat(pattern), { dot: true });
  return (p) => matches(flat(p.name)) || matches(flat(p.alias));
}

/**
 * Whether a parameter matches one of the patterns; 'trunk' is all but the head.
 * @param option where the patterns were written, for the message
 * @throws UsageError for a pattern that matches none of `parameters`
 */
export function anyPattern(
  option: string,
  patterns: readonly string[],
  parameters: readonly Named[],
): (p: Named) => boolean {
  const tests = patterns.map((pattern) => {
    const test = tester(pattern);
    if (!parameters.some(test)) {
      const some = parameters.slice(0, 5).map(({ alias }) => alias);
      throw new UsageError(
        `${option}: ${quote(pattern)} matches none of the ${parameters.length} parameters. Their names are like ` +
          `${some.join(', ')}; patterns take * and [0-9], 'head' means the task's head, 'trunk' all but the head`,
      );
    }
    return test;
  });
  return (p) => tests.some((test) => test(p));
}
