// A model's identity: a hash over the files it consists of, so that a run is not resumed on a model that has changed
// since.

import { createHash } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { externalLocations, readPieces } from './external.js';
import type { ExternalFiles } from './external-files.js';
import { graphOf, type Model } from './model.js';

/** What decides what becomes of a sample before the graph sees it. */
const preprocessing = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'preprocessor_config.json'];
/** What beside the graph decides what a model makes of a sample. */
const besides = ['config.json', ...preprocessing];

/**
 * SHA-256 in hex over the model's file or files, each with its external data, and the configuration and tokenizer
 * beside them. What it finds of external data is known to the models from then on.
 */
export const fingerprint = (...models: readonly Model[]): string =>
  hashWith(
    models,
    besides.map((name) => join(models[0]!.directory, name)),
  );

/** The same without what lies beside them: of graphs that are no models of their own. */
export const fileHash = (...models: readonly Model[]): string => hashWith(models, []);

function hashWith(models: readonly Model[], others: readonly string[]): string {
  const external = new Map<string, ExternalFiles | undefined>();
  const files = models.flatMap((model) => {
    const locations = externalLocations(graphOf(model));
    const data = locations.map((location) => join(dirname(model.path), location)).sort();
    for (const file of data) external.set(file, model.external);
    return [model.path, ...data];
  });
  return hashOf([...files, ...others], (file, sha256) => external.get(file)?.noteHash(realpathSync(file), sha256));
}

/** SHA-256 in hex over the files of a model that say how samples become its inputs. */
export const preprocessingHash = ({ directory }: Model): string =>
  hashOf(preprocessing.map((name) => join(directory, name)));

/** Over those of the files that are there; `each` is told the hash of each alone. */
function hashOf(files: readonly string[], each?: (file: string, sha256: string) => void): string {
  const hash = createHash('sha256');
  for (const file of files) {
    if (!existsSync(file)) continue;
    const length = statSync(file).size;
    const own = createHash('sha256');
    hash.update(`${length}\n`);
    readPieces({ file, offset: 0, length }, (piece) => {
      hash.update(piece);
      if (each) own.update(piece);
    });
    each?.(file, own.digest('hex'));
  }
  return hash.digest('hex');
}
