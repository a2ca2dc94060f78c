// The files that go with a trained model as they were: tokenizer and preprocessing. They are read and judged when the
// model is opened, and written from those bytes, so that a run cannot end with a model that lacks them.

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asPython, type TokenizerContents } from '../data/tokenizer/as-python.js';
import { readTokenizer } from '../data/tokenizer/files.js';
import { pipelines } from '../data/tokenizer/pipelines.js';
import { ModelError } from '../errors.js';
import { writeAtomically } from '../files/atomic-file.js';
import { isObject, type Json } from '../files/json.js';
import { parseModelJson, readModelFile } from '../files/model-files.js';

export const preprocessorFile = 'preprocessor_config.json';
const configFile = 'tokenizer_config.json';

const copied = [
  'tokenizer.json',
  configFile,
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'generation_config.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'sentencepiece.bpe.model',
  'source.spm',
  'target.spm',
  'generation_config.json',
  preprocessorFile,
];

/** Contents by name. */
export type FilesBeside = ReadonlyMap<string, Uint8Array>;

/**
 * Those that are there, and a tokenizer_config.json where only that is missing: transformers.js finds no tokenizer
 * without one. @throws ModelError for one that cannot be read, is no regular file of the directory, or no JSON object
 */
export function readFilesBeside(directory: string, maxLength = Number.POSITIVE_INFINITY): FilesBeside {
  const files = new Map<string, Uint8Array>();
  for (const name of copied) {
    const bytes = readModelFile(directory, name);
    if (!bytes) continue;
    if (name.endsWith('.json')) parseModelJson(bytes, join(directory, name));
    files.set(name, bytes);
  }
  if (files.has('tokenizer.json') && !files.has(configFile))
    files.set(configFile, jsonBytes(tokenizerConfig(directory, maxLength)));
  return files;
}

/** Writes them; `preprocessor` in the place of the model's own. */
export function writeFilesBeside(directory: string, files: FilesBeside, preprocessor?: object): void {
  mkdirSync(directory, { recursive: true });
  const all = new Map(files);
  if (preprocessor) all.set(preprocessorFile, jsonBytes(preprocessor));
  for (const [name, bytes] of all) {
    mkdirSync(join(directory, dirname(name)), { recursive: true });
    writeAtomically(join(directory, name), bytes);
  }
}

export const jsonBytes = (value: object): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

/** In the order of how common they are. */
const usualTokens: Readonly<Record<string, readonly string[]>> = {
  pad_token: ['[PAD]', '<pad>'],
  unk_token: ['[UNK]', '<unk>'],
  cls_token: ['[CLS]', '<s>'],
  sep_token: ['[SEP]', '</s>'],
  mask_token: ['[MASK]', '<mask>'],
};

/** What opens the tokenizer as it has been trained with: its class, and those of its special tokens that are usual. */
function tokenizerConfig(directory: string, maxLength: number): Json {
  const contents: TokenizerContents = readTokenizer(directory);
  const { tokenizer } = contents;
  const added = new Set(
    (Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : []).filter(isObject).map((one) => one.content),
  );
  const name = className(contents, directory);
  const own = pipelines[name]?.tokens ?? {};
  const tokens = Object.entries({ ...usualTokens }).map(([key, usual]) => {
    return [key, own[key] ?? usual.find((token) => added.has(token))];
  });
  return {
    tokenizer_class: name,
    ...(Number.isFinite(maxLength) && { model_max_length: maxLength }),
    ...Object.fromEntries(tokens.filter(([, token]) => token !== undefined)),
  };
}

function className(contents: TokenizerContents, directory: string): string {
  try {
    return asPython(contents).className ?? 'PreTrainedTokenizerFast';
  } catch (error) {
    throw new ModelError(`${join(directory, 'tokenizer.json')} cannot be used: ${(error as Error).message}`);
  }
}
