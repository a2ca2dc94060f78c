// Paths whose accents are written otherwise than on disk: macOS and some archives keep names in Unicode's decomposed
// form (NFD), lists and keyboards give the composed one (NFC). A name that is there as it is given is that file; else
// the one name of its folder that is the same text.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError } from '../errors.js';
import { quote } from '../quote.js';

const ascii = /^[\x20-\x7e]*$/;

/**
 * The path as the disk has it; as it was given where there is none.
 * @param names of the entries of folders, kept between calls
 * @throws DataError where several names of a folder are this one
 */
export function asOnDisk(path: string, names: Map<string, readonly string[]> = new Map()): string {
  if (ascii.test(path) || existsSync(path)) return path;
  const folder = dirname(path);
  if (folder === path) return path;
  const parent = asOnDisk(folder, names);
  // The last part with its slashes; 'a' has the folder '.', which it does not begin with.
  const name = path.slice(path.startsWith(folder) ? folder.length : 0).replace(/^[/\\]+|[/\\]+$/g, '');
  const wanted = name.normalize('NFC');
  const same = entriesOf(parent, names).filter((entry) => entry.normalize('NFC') === wanted);
  if (same.length > 1)
    throw new DataError(
      `${quote(path)} is the name of ${same.length} files in different Unicode forms (NFC, NFD); rename all but one`,
    );
  return same.length === 1 ? join(parent, same[0]!) : path;
}

function entriesOf(folder: string, names: Map<string, readonly string[]>): readonly string[] {
  const known = names.get(folder);
  if (known) return known;
  let entries: readonly string[] = [];
  try {
    entries = readdirSync(folder);
  } catch {
    // There is no such folder, which is said where the file is read.
  }
  names.set(folder, entries);
  return entries;
}
