// Puts a freshly built encoder on disk as a model directory in transformers.js layout, so that `ortune train` and
// transformers.js open it like any export. Trained models are written elsewhere, from the files they came from.

import { checkOptions, checkPath, checkTexts, isObject } from '../arguments.js';
import { UsageError } from '../errors.js';
import { buildEncoder, type EncoderOptions, encoderKeys, encoderSize } from './encoder.js';
import { labelsOf, writeModelFiles } from './files.js';
import type { TokenizerFiles } from './tokenizer/wordpiece.js';

export interface EncoderDirectoryOptions extends Omit<EncoderOptions, 'labels'> {
  /** Names of the classes, in the order of the logits; default LABEL_0 and LABEL_1. */
  labels?: readonly string[];
  /** Dropout that training puts back, as config.json names it; default 0.1. */
  dropout?: number;
  /** From `buildWordPiece`. Its vocabulary decides the word embedding unless `vocabulary` is given. */
  tokenizer?: TokenizerFiles;
}

const architectures = {
  classification: 'BertForSequenceClassification',
  'language-model': 'BertForMaskedLM',
  none: 'BertModel',
};

/**
 * Writes `config.json`, `onnx/model.onnx` and, with a tokenizer, `tokenizer.json` and `tokenizer_config.json`.
 * @throws UsageError for sizes that make no encoder, and arguments that are none
 */
export function writeEncoder(to: string | URL, options: EncoderDirectoryOptions = {}): void {
  const directory = checkPath(to, 'writeEncoder: directory');
  checkOptions(options, 'writeEncoder: options', [...encoderKeys, 'dropout', 'tokenizer']);
  if (options.labels !== undefined) checkTexts(options.labels, 'writeEncoder: labels');
  if (options.tokenizer !== undefined && !isObject(options.tokenizer?.tokenizer?.model?.vocab))
    throw new UsageError('writeEncoder: tokenizer must be what buildWordPiece gives');
  const { labels = ['LABEL_0', 'LABEL_1'], dropout = 0.1, tokenizer, ...rest } = options;
  const vocabulary = rest.vocabulary ?? (tokenizer && Object.keys(tokenizer.tokenizer.model.vocab).length);
  const size = encoderSize({ ...rest, ...(vocabulary && { vocabulary }), labels: labels.length });
  const config = {
    architectures: [architectures[size.head]],
    model_type: 'bert',
    hidden_act: 'gelu',
    hidden_size: size.hidden,
    num_hidden_layers: size.layers,
    num_attention_heads: size.heads,
    intermediate_size: size.feedForward,
    vocab_size: size.vocabulary,
    max_position_embeddings: size.positions,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
    initializer_range: 0.02,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    pad_token_id: 0,
    ...(size.head === 'classification' && labelsOf(labels)),
  };
  writeModelFiles(
    directory,
    { model: buildEncoder(size) },
    {
      'config.json': config,
      ...(tokenizer && { 'tokenizer.json': tokenizer.tokenizer, 'tokenizer_config.json': tokenizer.config }),
    },
  );
}
