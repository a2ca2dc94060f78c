// The data files an option names: paths and glob patterns, in an order that does not depend on the machine.

import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { DataError, UsageError } from '../../errors.js';
import { kindOf } from '../../files/kind-of.js';
import { asOnDisk } from '../../files/unicode-paths.js';
import { isRemote } from '../../models/remote-file.js';
import { quote, shown } from '../../quote.js';
import { isError } from '../../realm.js';

/**
 * The files that `patterns` name, relative to the working directory: for each in turn the path itself, or a pattern's
 * matches in the order of their code units. A file named twice is read once.
 * @param folders a path may be that of a folder, too
 * @throws UsageError for a pattern that matches no file; DataError for a path that does not exist or is no file.
 */
export async function openFiles(patterns: readonly string[], folders = false): Promise<string[]> {
  const files = new Map<string, string>();
  for (const pattern of patterns) {
    if (isRemote(pattern))
      throw new DataError(
        `data file ${shown(pattern)} is a URL: train, evaluate and predict fetch it, and nothing else does; fetch it yourself, and give its path`,
      );
    for (const file of await matches(pattern, folders)) {
      const place = resolve(file);
      if (!files.has(place)) files.set(place, file);
    }
  }
  return [...files.values()];
}

async function matches(given: string, folders: boolean): Promise<string[]> {
  const pattern = asOnDisk(given);
  // A file whose name looks like a pattern, such as 'mails[1].csv', is that file.
  const found = await stat(pattern).catch((error: Error) => error);
  if (!isError(found)) {
    if (found.isDirectory() && !folders)
      throw new DataError(
        `data file ${shown(pattern)} is a folder; name its files with a pattern, such as ${shown(join(pattern, '*.jsonl'))}`,
      );
    // Data are read more than once: for their hash, their samples, and again when a run is resumed.
    if (!found.isFile() && !found.isDirectory())
      throw new DataError(
        `data file ${shown(pattern)} is ${kindOf(found)}, which cannot be read twice: write it to a file`,
      );
    return [pattern];
  }
  if (!isDynamicPattern(pattern))
    throw new DataError(`data file ${shown(pattern)} cannot be read: ${shown(found.message)}`);
  // The names on disk may be in either form.
  const forms = [...new Set([pattern, pattern.normalize('NFC'), pattern.normalize('NFD')])];
  const files = await glob(forms, { onlyFiles: true, expandDirectories: false, absolute: isAbsolute(pattern) });
  if (files.length === 0)
    throw new UsageError(`no data file matches the pattern ${quote(pattern)}; expected at least one`);
  return files.sort();
}
