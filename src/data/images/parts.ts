// Folders that are the parts of a data set, by their names: what is for training, what to evaluate on, and what to test
// with. They are no classes.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const parts = {
  train: /^train(ing)?([-_ ]?(set|data|images?))?$/i,
  eval: /^(val|valid|validation|dev|eval|evaluation|holdout)([-_ ]?(set|data|images?))?$/i,
  test: /^(test|testing)([-_ ]?(set|data|images?))?$/i,
} as const;
type Part = keyof typeof parts;

/** What part of a data set a folder's name says it is; undefined for none. */
export const partNamed = (name: string): Part | undefined =>
  (Object.keys(parts) as Part[]).find((part) => parts[part].test(name));

/**
 * The folders of a data set whose root is `path`: its sub-folders are parts alone, of which one is for training and one
 * at most of each other kind. Undefined for anything else.
 * @param classes names that are classes for certain
 */
export function partsIn(
  path: string,
  classes: readonly string[] = [],
): ({ train: string } & Partial<Record<'eval' | 'test', string>>) | undefined {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const found: Partial<Record<Part, string>> = {};
  for (const { name } of readdirSync(path, { withFileTypes: true })) {
    const folder = join(path, name);
    if (name.startsWith('.') || !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    const part = classes.includes(name) ? undefined : partNamed(name);
    if (part === undefined || found[part] !== undefined) return undefined;
    found[part] = folder;
  }
  const { train, ...others } = found;
  return train === undefined || Object.keys(others).length === 0 ? undefined : { train, ...others };
}
