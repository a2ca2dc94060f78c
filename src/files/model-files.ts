// Files that lie beside a model and go with it: read once and judged where they are read, so that what is saved in the
// end is what was there at the start. Only regular files of the model's own repository: a link may lead to the blobs
// of the Hugging Face cache that it lies in, and nowhere else outside.

import { lstatSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { reasonOf } from '../threads/causes.js';
import { isCacheLink } from './cache-links.js';
import { isObject, type Json } from './json.js';
import { kindOf } from './kind-of.js';

/** Most bytes of such a file; the tokenizers of the largest vocabularies have some 35 MB. */
export const mostBytes = 2 ** 28;

/** Undefined: there is none. @throws ModelError for a pipe, a device or a folder, which opening might wait for */
export function statOfFile(file: string): Stats | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found && !found.isFile())
    throw new ModelError(`${file} is ${kindOf(found)}, not a file. Put the model's own file there.`);
  return found;
}

/** @throws ModelError for what is no regular file of the repository, or cannot be read; undefined: there is none */
export function readModelFile(directory: string, name: string): Buffer | undefined {
  const file = join(directory, name);
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return undefined;
    const { size } = statOfFile(file) ?? statSync(file);
    refuseForeignLink(file, directory);
    if (size > mostBytes)
      throw new ModelError(`${file} has ${size} bytes; a file that goes with a model has at most ${mostBytes}`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const link = (error as NodeJS.ErrnoException).code === 'ENOENT' ? ': it is a link to a file that is not there' : '';
    throw new ModelError(`${file} cannot be read${link || `: ${reasonOf(error)}`}`);
  }
}

/** @throws ModelError for a link that leads out of the directory, unless to the blobs of the cache it lies in */
function refuseForeignLink(file: string, directory: string): void {
  const target = realpathSync(file);
  if (target.startsWith(realpathSync(directory) + sep) || isCacheLink(file, target)) return;
  throw new ModelError(
    `${file} is a link to ${quote(target)}, outside of the model's directory; put the file itself there`,
  );
}

/** An object of a JSON file. @throws ModelError as `readModelFile`, and for what is no JSON object */
export function readModelJson(directory: string, name: string): Json | undefined {
  const bytes = readModelFile(directory, name);
  return bytes && parseModelJson(bytes, join(directory, name));
}

/** @throws ModelError for what is no JSON object; a mark of the byte order before it is passed over */
export function parseModelJson(bytes: Uint8Array, file: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new ModelError(`${file} is not valid JSON: ${quote((error as Error).message)}`);
  }
  if (!isObject(value)) throw new ModelError(`${file}: expected a JSON object`);
  return value;
}
