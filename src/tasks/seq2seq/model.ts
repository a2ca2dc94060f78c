// What the files of an encoder-decoder model say of how it reads and writes: what goes before a source, the token that
// a target begins with, and the one that fills up. generation_config.json goes before config.json, as in the
// transformers library.

import { join } from 'node:path';
import { ModelError } from '../../errors.js';
import { isObject } from '../../files/json.js';
import { readModelJson } from '../../files/model-files.js';
import { quote } from '../../quote.js';
import { type ModelConfig, readModelConfig } from '../../transfer/config.js';
import type { Languages } from './languages.js';

export interface SequenceTokens {
  start: number;
  pad: number;
}

/**
 * @param given the token to start with, where the language decides it. @throws ModelError where a token is not named
 */
export function sequenceTokens(directory: string, given?: number): SequenceTokens {
  const config = readModelConfig(directory);
  const generation = readModelJson(directory, 'generation_config.json') ?? {};
  const token = (...keys: string[]): number | undefined =>
    keys
      .flatMap((key) => [generation[key], config[key]])
      .find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
  const pad = token('pad_token_id');
  const start = given ?? token('decoder_start_token_id', 'bos_token_id');
  if (pad === undefined || start === undefined)
    throw new ModelError(
      `${join(directory, 'config.json')} names no ${start === undefined ? 'decoder_start_token_id' : 'pad_token_id'}: what the decoder of a ` +
        'sequence-to-sequence model starts with, or is filled up with, is not known. Copy it from the configuration of the original model.',
    );
  return { start, pad };
}

/** What the pipelines of the transformers libraries put before every text. */
export const ownPrefix = ({ prefix }: ModelConfig): string => (typeof prefix === 'string' ? prefix : '');

/** By the pipeline that puts it before its texts, behind that of the model. */
function taskPrefixes({ task_specific_params: params }: ModelConfig): [task: string, prefix: string][] {
  if (!isObject(params)) return [];
  return Object.entries(params).flatMap(([task, own]) =>
    isObject(own) && typeof own.prefix === 'string' ? [[task, own.prefix] as [string, string]] : [],
  );
}

/**
 * The configuration of a model that was trained with a prefix, which pipelines then put before every text, and no
 * other.
 */
export function withPrefix(config: ModelConfig, prefix: string): ModelConfig {
  const { prefix: _, task_specific_params: params, ...rest } = config;
  const others = isObject(params)
    ? Object.entries(params).map(([task, own]) => [task, isObject(own) ? { ...own, prefix: undefined } : own])
    : [];
  return {
    ...rest,
    is_encoder_decoder: true,
    ...(isObject(params) && { task_specific_params: Object.fromEntries(others) }),
    ...(prefix !== '' && { prefix }),
  };
}

/** Where the model was trained with prefixes, and the run has none. */
export function prefixNotes(config: ModelConfig, prefix: string): string[] {
  const known = taskPrefixes(config);
  if (prefix !== '' || known.length === 0) return [];
  return [
    `config.json has prefixes for its tasks (${known.map(([task, own]) => `${task}: ${quote(own)}`).join(', ')}), and nothing goes before the ` +
      'sources here; set sourcePrefix to train with one. The saved model has the one that it is trained with',
  ];
}

/** Files that a model of many languages is saved with: the pair that it was trained for is the usual one. */
export function languageFiles(directory: string, { source, target, start, forced }: Languages) {
  const writes = {
    ...(start !== undefined && { decoder_start_token_id: start }),
    ...(forced !== undefined && { forced_bos_token_id: forced }),
  };
  const read = (name: string) => readModelJson(directory, name) ?? {};
  return {
    'generation_config.json': { ...read('generation_config.json'), ...writes },
    'tokenizer_config.json': { ...read('tokenizer_config.json'), src_lang: source, tgt_lang: target },
  };
}
