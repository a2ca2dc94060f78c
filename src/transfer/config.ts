// What a model's config.json says that training needs, under the names the transformers library uses.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';

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

/**
 * config.json of a model directory, or an empty one where there is none. @throws ModelError when it is no JSON object.
 */
export function readModelConfig(directory: string): ModelConfig {
  const file = join(directory, 'config.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ModelError(`${file} cannot be read: ${(error as Error).message}`);
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new ModelError(`${file} is not valid JSON: ${(error as Error).message}`);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new ModelError(`${file}: expected a JSON object with the model's configuration`);
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
  const table = parameters.find(({ alias }) => /position_embeddings?\.weight$/.test(alias))?.shape[0];
  const positions = config.max_position_embeddings ?? table;
  if (positions === undefined || positions < 1) return Number.POSITIVE_INFINITY;
  return offsetPositions.has(config.model_type ?? '') ? positions - (config.pad_token_id ?? 1) - 1 : positions;
}

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
  const hidden = rate('hidden_dropout_prob', 'dropout') ?? fallback;
  return {
    hidden,
    attention: rate('attention_probs_dropout_prob', 'attention_dropout') ?? hidden,
    head: rate(...head) ?? headFallback ?? hidden,
  };
}
