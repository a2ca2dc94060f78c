// Language models of any size, as ONNX, freshly initialised from a seed: decoders of the families of GPT-2 and Llama
// with their cache, in the files and by the names that optimum exports, so that transformers.js writes with what is
// trained. `writeLanguageModel` puts one on disk in transformers.js layout.

import { checkOptions, checkPath, isObject } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { writeModelFiles } from '../files.js';
import { WeightStream } from '../normal.js';
import { TorchScriptWriter } from '../torchscript.js';
import type { TokenizerFiles } from '../wordpiece.js';
import { gpt2 } from './gpt2.js';
import { llama, ropeTheta } from './llama.js';
import {
  type LanguageArchitecture,
  type LanguageModelContext,
  type LanguageModelOptions,
  type LanguageModelSize,
  languageModelKeys,
  languageModelSize,
} from './options.js';

interface Family {
  /** Of the norms. */
  epsilon: number;
  write(c: LanguageModelContext): void;
  /** config.json: the fields of the transformers library. */
  config(size: LanguageModelSize): Record<string, unknown>;
}

const families: Record<LanguageArchitecture, Family> = {
  gpt2: {
    epsilon: 1e-5,
    write: gpt2,
    config: (size) => ({
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      activation_function: 'gelu_new',
      n_embd: size.hidden,
      n_layer: size.layers,
      n_head: size.heads,
      n_inner: size.feedForward,
      n_positions: size.positions,
      layer_norm_epsilon: 1e-5,
    }),
  },
  llama: {
    epsilon: 1e-6,
    write: llama,
    config: (size) => ({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_act: 'silu',
      hidden_size: size.hidden,
      num_hidden_layers: size.layers,
      num_attention_heads: size.heads,
      num_key_value_heads: size.keyValueHeads,
      head_dim: size.hidden / size.heads,
      intermediate_size: size.feedForward,
      max_position_embeddings: size.positions,
      rms_norm_eps: 1e-6,
      rope_theta: ropeTheta,
      attention_bias: false,
      mlp_bias: false,
    }),
  },
};

/**
 * Builds a language model.
 *
 * Inputs: `input_ids` and `position_ids` int64 [batch_size, sequence_length], `attention_mask` int64 [batch_size, past
 * + sequence_length], and for each layer `past_key_values.N.key` and `.value` float32 [batch_size, key-value heads,
 * past, hidden / heads]. Outputs: `logits` float32 [batch_size, sequence_length, vocabulary] and `present.N.key` and
 * `.value`. Weights have the names that they have in PyTorch, those of linear maps lie [in, out], and begin as the
 * transformers library begins them: normal with deviation 0.02, of GPT-2's output maps 0.02 / √(2 · layers).
 * @returns the bytes of each file, by its name without .onnx
 * @throws UsageError for sizes that make no model
 */
export function buildLanguageModel(options: LanguageModelOptions): Record<string, Uint8Array> {
  const model = languageModelSize(options);
  const family = families[model.architecture];
  const w = new TorchScriptWriter(17);
  const size = { hidden: model.hidden, heads: model.heads, epsilon: family.epsilon, storage: 'float32' } as const;
  family.write({ w, size, draw: new WeightStream(model.seed), model });
  return { model: w.finish() };
}

export interface LanguageModelDirectoryOptions extends LanguageModelOptions {
  /** Its vocabulary decides the word embedding unless `vocabulary` is given. */
  tokenizer?: TokenizerFiles;
}

/** Ids of the special tokens that the configuration names. */
function specialIds({ tokenizer, config }: TokenizerFiles): Record<string, number> {
  const { vocab } = tokenizer.model;
  return Object.fromEntries(
    ['bos', 'eos', 'pad'].flatMap((name) => {
      const id = vocab[String(config[`${name}_token`])];
      return id === undefined ? [] : [[`${name}_token_id`, id]];
    }),
  );
}

/**
 * Writes `config.json`, `generation_config.json`, the files in `onnx/` and, with a tokenizer, `tokenizer.json` and
 * `tokenizer_config.json`.
 * @throws UsageError for sizes that make no model, and arguments that are none
 */
export function writeLanguageModel(to: string | URL, options: LanguageModelDirectoryOptions): void {
  const directory = checkPath(to, 'writeLanguageModel: directory');
  checkOptions(options, 'writeLanguageModel: options', [...languageModelKeys, 'tokenizer']);
  const { tokenizer, ...rest } = options;
  if (tokenizer !== undefined && !isObject(tokenizer?.tokenizer?.model?.vocab))
    throw new UsageError('writeLanguageModel: tokenizer must be { tokenizer, config }, the contents of both files');
  const vocabulary = rest.vocabulary ?? (tokenizer && Object.keys(tokenizer.tokenizer.model.vocab).length);
  const size = languageModelSize({ ...rest, ...(vocabulary && { vocabulary }) });
  const special = tokenizer ? specialIds(tokenizer) : { bos_token_id: 0, eos_token_id: 0, pad_token_id: 0 };
  const config = {
    ...families[size.architecture].config(size),
    vocab_size: size.vocabulary,
    tie_word_embeddings: size.tiedEmbeddings,
    initializer_range: 0.02,
    use_cache: true,
    ...special,
  };
  writeModelFiles(directory, buildLanguageModel(size), {
    'config.json': config,
    'generation_config.json': special,
    ...(tokenizer && { 'tokenizer.json': tokenizer.tokenizer, 'tokenizer_config.json': tokenizer.config }),
  });
}
