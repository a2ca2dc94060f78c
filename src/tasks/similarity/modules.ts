// What a directory of sentence-transformers says beside the model: how the vectors of tokens become one (1_Pooling),
// whether that is brought to length 1 (2_Normalize), and prompts that go before texts. Read from what a run starts
// with, written beside what it trained, in the keys that every version of the library reads. A directory without
// modules.json is one of a plain encoder. Other modules (Dense, LSTM, …) change the vectors, and are refused rather
// than left out.

import { join } from 'node:path';
import { ModelError } from '../../errors.js';
import { isObject, type Json } from '../../files/json.js';
import { readModelFile, readModelJson } from '../../files/model-files.js';
import { quote } from '../../quote.js';

export const poolings = ['mean', 'cls', 'max', 'lasttoken', 'weightedmean', 'mean_sqrt_len_tokens'] as const;
/** How one vector comes of those of the tokens, as sentence-transformers call it. */
export type Pooling = (typeof poolings)[number];

export interface Modules {
  pooling: Pooling;
  /** Whether the tokens of a prompt count in pooling. */
  includePrompt: boolean;
  /** Whether vectors are brought to length 1. */
  normalize: boolean;
  /** Texts that go before a text, by what it is: query, document. */
  prompts: Readonly<Record<string, string>>;
  /** Most tokens of a text, where the directory says. */
  maxLength?: number | undefined;
}

/** What sentence-transformers take for a plain encoder. */
export const plainModules: Modules = { pooling: 'mean', includePrompt: true, normalize: false, prompts: {} };

/** The keys of 1_Pooling/config.json before version 6. */
const poolingKeys: Readonly<Record<string, Pooling>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
  pooling_mode_weightedmean_tokens: 'weightedmean',
  pooling_mode_lasttoken: 'lasttoken',
};

/** @throws ModelError for modules that ortune does not have, and files that cannot be read */
export function readModules(directory: string): Modules | undefined {
  const file = join(directory, 'modules.json');
  const bytes = readModelFile(directory, 'modules.json');
  if (!bytes) return undefined;
  let listed: unknown;
  try {
    listed = JSON.parse(bytes.toString());
  } catch (error) {
    throw new ModelError(`${file} is not valid JSON: ${quote((error as Error).message)}`);
  }
  const modules: readonly unknown[] = Array.isArray(listed) ? listed : [];
  if (!modules.every(isModule) || modules.length === 0)
    throw new ModelError(`${file}: expected a list of modules, each with a type and a path`);
  let found: Modules = { ...plainModules, prompts: promptsOf(directory), maxLength: maxLengthOf(directory) };
  for (const { type, path } of modules as readonly { type: string; path: string }[]) {
    const kind = type.split('.').at(-1);
    if (kind === 'Pooling') found = { ...found, ...poolingOf(directory, path) };
    else if (kind === 'Normalize') found = { ...found, normalize: true };
    else if (kind !== 'Transformer')
      throw new ModelError(
        `${file}: module ${quote(type)} is none that ortune computes (Transformer, Pooling, Normalize): without it the ` +
          'vectors would be others. Take a model without it, or remove it from modules.json to train the rest',
      );
  }
  return found;
}

const isModule = (one: unknown): boolean =>
  isObject(one) && typeof one.type === 'string' && typeof one.path === 'string';

function poolingOf(directory: string, path: string): Pick<Modules, 'pooling' | 'includePrompt'> {
  const name = `${path}/config.json`;
  const config = readModelJson(directory, name);
  const file = join(directory, name);
  if (!config) throw new ModelError(`${file} is missing; modules.json names it`);
  const named = config.pooling_mode ?? Object.keys(poolingKeys).filter((key) => config[key] === true);
  const modes = [named].flat().map((mode) => poolingKeys[String(mode)] ?? mode);
  const [pooling = 'mean'] = modes as Pooling[];
  if (modes.length > 1 || !poolings.includes(pooling))
    throw new ModelError(`${file}: expected one pooling of ${poolings.join(', ')}, found ${modes.join(' and ')}`);
  return { pooling, includePrompt: config.include_prompt !== false };
}

function maxLengthOf(directory: string): number | undefined {
  const length = readModelJson(directory, 'sentence_bert_config.json')?.max_seq_length;
  return Number.isSafeInteger(length) && (length as number) > 0 ? (length as number) : undefined;
}

function promptsOf(directory: string): Record<string, string> {
  const { prompts } = readModelJson(directory, 'config_sentence_transformers.json') ?? {};
  const entries = isObject(prompts) ? Object.entries(prompts) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** The files that say so, by name. @param size of the vectors */
export function modulesFiles(
  { pooling, includePrompt, normalize, prompts, maxLength = Number.POSITIVE_INFINITY }: Modules,
  size: number,
): Record<string, Json | readonly Json[]> {
  const module = (idx: number, path: string, type: string): Json => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${type}`,
  });
  return {
    'modules.json': [
      module(0, '', 'Transformer'),
      module(1, '1_Pooling', 'Pooling'),
      ...(normalize ? [module(2, '2_Normalize', 'Normalize')] : []),
    ],
    '1_Pooling/config.json': {
      word_embedding_dimension: size,
      ...Object.fromEntries(Object.entries(poolingKeys).map(([key, mode]) => [key, mode === pooling])),
      include_prompt: includePrompt,
    },
    ...(normalize && { '2_Normalize/config.json': {} }),
    'sentence_bert_config.json': {
      ...(Number.isFinite(maxLength) && { max_seq_length: maxLength }),
      do_lower_case: false,
    },
    'config_sentence_transformers.json': { prompts, default_prompt_name: null, similarity_fn_name: 'cosine' },
  };
}
