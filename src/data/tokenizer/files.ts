// The files that say how a model's texts become tokens.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ModelError } from '../../errors.js';
import { parseModelJson, readModelFile, readModelJson } from '../../files/model-files.js';
import type { TokenizerContents } from './as-python.js';

/** In the order in which a hash has them. */
const names = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'];
/** A chat template in a file of its own, in place of that of tokenizer_config.json. */
const templateFile = 'chat_template.jinja';
const hashed = [...names, templateFile];

/** @throws ModelError for files that cannot be read or are no JSON objects, and where there is no tokenizer.json */
export function readTokenizer(directory: string): TokenizerContents & { hash: string } {
  const bytes = names.map((name) => readModelFile(directory, name));
  const [tokenizer, config, specialTokens, addedTokens] = bytes.map(
    (found, i) => found && parseModelJson(found, join(directory, names[i]!)),
  );
  if (!tokenizer) throw noTokenizer(directory);
  const model = readModelJson(directory, 'config.json');
  const template = readModelFile(directory, templateFile);
  const hash = hashOf([...bytes, template]);
  return { tokenizer, config, specialTokens, addedTokens, model, chatTemplate: template?.toString(), hash };
}

/** SHA-256 of the files that decide the tokens of a text, beside the length it is cut to. */
export const tokenizerHash = (directory: string): string =>
  hashOf(hashed.map((name) => readModelFile(directory, name)));

function hashOf(bytes: readonly (Uint8Array | undefined)[]): string {
  const hash = createHash('sha256');
  for (const [i, found] of bytes.entries()) if (found) hash.update(hashed[i]!).update(found);
  return hash.digest('hex');
}

export const noTokenizer = (directory: string): ModelError =>
  new ModelError(`no ${join(directory, 'tokenizer.json')}: texts need the model's tokenizer.json beside config.json`);
