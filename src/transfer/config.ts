// What a model's config.json says that training needs, under the names the transformers library uses.

import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { isObject } from '../files/json.js';
import { readModelJson } from '../files/model-files.js';
import { quote, shown } from '../quote.js';

/** config.json; everything may be missing. */
export interface ModelConfig {
  model_type?: string;
  architectures?: string[];
  hidden_size?: number;
  dim?: number;
  d_model?: number;
  initializer_range?: number;
  max_position_embeddings?: number;
  pad_token_id?: number | null;
  num_labels?: number;
  id2label?: Record<string, string>;
  label2id?: Record<string, number>;
  [key: string]: unknown;
}

type Rule = readonly [expected: string, fits: (value: unknown) => boolean];

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const text: Rule = ['a text', (value) => typeof value === 'string'];
const count: Rule = ['a whole number', isCount];
const rate: Rule = [
  'a number from 0 to 1',
  (value) => isNumber(value) && (value as number) >= 0 && (value as number) <= 1,
];

/** What is read here or written into a saved model's configuration; null counts as missing. */
const rules: Readonly<Record<string, Rule>> = {
  model_type: text,
  problem_type: text,
  architectures: ['a list of texts', (value) => Array.isArray(value) && value.every((one) => typeof one === 'string')],
  id2label: [
    'the names of the classes by their numbers',
    (value) =>
      typeof value === 'object' &&
      Object.entries(value!).every(
        ([id, label]) => /^\d+$/.test(id) && (typeof label === 'string' || typeof label === 'number'),
      ),
  ],
  label2id: ['an object of numbers by the names of the classes', isObject],
  num_labels: count,
  hidden_size: count,
  dim: count,
  d_model: count,
  max_position_embeddings: ['a number', isNumber],
  pad_token_id: ['a number', isNumber],
  initializer_range: ['a number', isNumber],
  hidden_dropout_prob: rate,
  attention_probs_dropout_prob: rate,
  dropout: rate,
  dropout_rate: rate,
  attention_dropout: rate,
  classifier_dropout: rate,
  classifier_dropout_prob: rate,
  seq_classif_dropout: rate,
};

/**
 * config.json of a model directory, or an empty one where there is none. It is judged here, before a run, since what a
 * saved model says is made of it. @throws ModelError when it is no JSON object, or a value is not of its type
 */
export function readModelConfig(directory: string): ModelConfig {
  const config = readModelJson(directory, 'config.json') ?? {};
  const file = join(directory, 'config.json');
  for (const [key, [expected, fits]] of Object.entries(rules)) {
    const value = config[key];
    if (value === undefined || value === null || fits(value)) continue;
    throw new ModelError(
      `${file}: ${quote(key)} must be ${expected}, found ${shown(JSON.stringify(value), 60)}: correct the file, or leave the key out`,
    );
  }
  return config as ModelConfig;
}

/** Families whose positions start behind the padding token's id. */
const offsetPositions = new Set(['roberta', 'xlm-roberta', 'camembert', 'mpnet', 'longformer']);

/**
 * Most tokens of a text. From the configuration, else from the table of position embeddings among `parameters`;
 * Infinity when the model has neither.
 */
export function maxPositions(
  config: ModelConfig,
  parameters: readonly { alias: string; shape: readonly number[] }[] = [],
): number {
  const table = parameters.find(({ alias }) => /(position_embeddings?|wpe)\.weight$/.test(alias))?.shape[0];
  const positions = config.max_position_embeddings ?? ownPositions(config) ?? table;
  if (positions === undefined || positions < 1) return Number.POSITIVE_INFINITY;
  return offsetPositions.has(config.model_type ?? '') ? positions - (config.pad_token_id ?? 1) - 1 : positions;
}

/** GPT-2's name for them; T5 has a number there that bounds nothing. */
const ownPositions = ({ model_type: family, n_positions: count }: ModelConfig): number | undefined =>
  typeof count === 'number' && !/t5/.test(family ?? '') ? count : undefined;

export interface DropoutRates {
  /** After the embeddings and on the output of every sub-layer. */
  hidden: number;
  /** On the attention probabilities. */
  attention: number;
  /** Before the classifier. */
  head: number;
}

/** Where config.json says how much dropout goes before the last layer, and what holds where it says nothing. */
export interface DropoutDefaults {
  /** Rate of hidden states that the file does not give. */
  fallback: number;
  /** Keys of the head's rate. */
  head: readonly string[];
  /** Rate of a head that none of these gives; default that of hidden states. */
  headFallback?: number;
}

export const textDropout: DropoutDefaults = {
  fallback: 0.1,
  head: ['classifier_dropout', 'classifier_dropout_prob', 'seq_classif_dropout'],
};

/** The dropout the model was trained with. */
export function dropoutOf(
  config: ModelConfig,
  { fallback, head, headFallback }: DropoutDefaults = textDropout,
): DropoutRates {
  const rate = (...keys: readonly string[]): number | undefined =>
    keys.map((key) => config[key]).find((value) => typeof value === 'number');
  const hidden = rate('hidden_dropout_prob', 'dropout', 'dropout_rate') ?? fallback;
  return {
    hidden,
    attention: rate('attention_probs_dropout_prob', 'attention_dropout') ?? hidden,
    head: rate(...head) ?? headFallback ?? hidden,
  };
}
