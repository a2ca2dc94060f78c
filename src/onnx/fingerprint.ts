// A model's identity: a hash over the files it consists of, so that a run is not resumed on a model that has changed
// since.

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { externalLocations, readPieces } from './external.js';
import { graphOf, type Model } from './model.js';

/** What decides what becomes of a sample before the graph sees it. */
const preprocessing = ['tokenizer.json', 'tokenizer_config.json', 'preprocessor_config.json'];
/** What beside the graph decides what a model makes of a sample. */
const besides = ['config.json', ...preprocessing];

/**
 * SHA-256 in hex over the model's file or files, each with its external data, and the configuration and tokenizer
 * beside them.
 */
export function fingerprint(...models: readonly Model[]): string {
  const files = models.flatMap((file) => {
    const locations = externalLocations(graphOf(file));
    return [file.path, ...locations.map((location) => join(dirname(file.path), location)).sort()];
  });
  return hashOf([...files, ...besides.map((name) => join(models[0]!.directory, name))]);
}

/** SHA-256 in hex over the files of a model that say how samples become its inputs. */
export const preprocessingHash = ({ directory }: Model): string =>
  hashOf(preprocessing.map((name) => join(directory, name)));

/** Over those of the files that are there. */
function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    if (!existsSync(file)) continue;
    const length = statSync(file).size;
    hash.update(`${length}\n`);
    readPieces({ file, offset: 0, length }, (piece) => hash.update(piece));
  }
  return hash.digest('hex');
}
