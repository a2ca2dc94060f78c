// What tells one model from another: a hash over the files it consists of, so that a run is not resumed on a model that
// has changed since.

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { externalLocations, readPieces } from './external.js';
import { graphOf, type Model } from './model.js';

/** What beside the graph decides what a model makes of a text. */
const besides = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];

/** SHA-256 in hex over the model file, its external data, and the configuration and tokenizer beside it. */
export function fingerprint(model: Model): string {
  const locations = externalLocations(graphOf(model));
  const data = locations.map((location) => join(dirname(model.path), location)).sort();
  const hash = createHash('sha256');
  for (const file of [model.path, ...data, ...besides.map((name) => join(model.directory, name))]) {
    if (!existsSync(file)) continue;
    const length = statSync(file).size;
    hash.update(`${length}\n`);
    readPieces({ file, offset: 0, length }, (piece) => hash.update(piece));
  }
  return hash.digest('hex');
}
