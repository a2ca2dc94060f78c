// Language models of any size, as ONNX, freshly initialised from a seed: decoders of the families of GPT-2 and Llama,
// encoders with decoders as T5 and Marian, with their cache, in the files and by the names that optimum exports, so
// that transformers.js writes with what is trained. `writeLanguageModel` puts one on disk in transformers.js layout.

import { checkOptions, checkPath, isObject } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { writeModelFiles } from '../files.js';
import { WeightStream } from '../normal.js';
import type { TokenizerFiles } from '../tokenizer/wordpiece.js';
import { TorchScriptWriter } from '../torchscript.js';
import { buildEncoderDecoder, type EncoderDecoder } from './encoder-decoder.js';
import { gpt2 } from './gpt2.js';
import { llama, ropeTheta } from './llama.js';
import { marian } from './marian.js';
import {
  isEncoderDecoder,
  type LanguageArchitecture,
  type LanguageModelContext,
  type LanguageModelOptions,
  type LanguageModelSize,
  languageModelKeys,
  languageModelSize,
} from './options.js';
import { buckets, farthest, t5 } from './t5.js';

interface Family {
  /** Of the norms. */
  epsilon: number;
  /** Writes a decoder's graph, or what an encoder and a decoder are. */
  write: ((c: LanguageModelContext) => void) | EncoderDecoder;
  /** config.json: the fields of the transformers library. */
  config(size: LanguageModelSize): Record<string, unknown>;
}

/** What encoders with decoders were trained with by their authors; `--dropout` of a run is another. */
const dropout = 0.1;

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
  t5: {
    epsilon: 1e-6,
    write: t5,
    config: (size) => ({
      architectures: ['T5ForConditionalGeneration'],
      model_type: 't5',
      is_encoder_decoder: true,
      d_model: size.hidden,
      d_kv: size.hidden / size.heads,
      d_ff: size.feedForward,
      num_layers: size.layers,
      num_decoder_layers: size.decoderLayers,
      num_heads: size.heads,
      n_positions: size.positions,
      feed_forward_proj: 'relu',
      relative_attention_num_buckets: buckets,
      relative_attention_max_distance: farthest,
      layer_norm_epsilon: 1e-6,
      dropout_rate: dropout,
    }),
  },
  marian: {
    epsilon: 1e-5,
    write: marian,
    config: (size) => ({
      architectures: ['MarianMTModel'],
      model_type: 'marian',
      is_encoder_decoder: true,
      d_model: size.hidden,
      encoder_layers: size.layers,
      decoder_layers: size.decoderLayers,
      encoder_attention_heads: size.heads,
      decoder_attention_heads: size.heads,
      encoder_ffn_dim: size.feedForward,
      decoder_ffn_dim: size.feedForward,
      max_position_embeddings: size.positions,
      activation_function: 'swish',
      scale_embedding: true,
      share_encoder_decoder_embeddings: true,
      init_std: 0.02,
      dropout,
    }),
  },
};

/**
 * Builds a language model.
 *
 * Inputs: `input_ids` and `position_ids` int64 [batch_size, sequence_length], `attention_mask` int64 [batch_size, past
 * + sequence_length], and for each layer `past_key_values.N.key` and `.value` float32 [batch_size, key-value heads,
 * past, hidden / heads]. Outputs: `logits` float32 [batch_size, sequence_length, vocabulary] and `present.N.key` and
 * `.value`. Of t5 and marian two files: `encoder_model` of `input_ids` and `attention_mask` to `last_hidden_state`, and
 * `decoder_model_merged`, which takes that and the tokens of the target, with the caches of both and
 * `use_cache_branch`. Weights have the names that they have in PyTorch, those of linear maps lie [in, out], and begin
 * as the transformers library begins them: normal with deviation 0.02, of GPT-2's output maps 0.02 / √(2 · layers), of
 * T5's maps by what they read and their embedding 1.
 * @returns the bytes of each file, by its name without .onnx
 * @throws UsageError for sizes that make no model
 */
export function buildLanguageModel(options: LanguageModelOptions): Record<string, Uint8Array> {
  return filesOf(languageModelSize(options));
}

function filesOf(model: LanguageModelSize): Record<string, Uint8Array> {
  const { epsilon, write } = families[model.architecture];
  const size = { hidden: model.hidden, heads: model.heads, epsilon, storage: 'float32' } as const;
  if (typeof write !== 'function') return buildEncoderDecoder({ size, model }, write);
  const w = new TorchScriptWriter(17);
  write({ w, size, draw: new WeightStream(model.seed), model });
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
  const paired = isEncoderDecoder(size.architecture);
  const usual: Record<string, number> = paired
    ? { pad_token_id: 0, eos_token_id: 1 }
    : { bos_token_id: 0, eos_token_id: 0, pad_token_id: 0 };
  const named = tokenizer ? specialIds(tokenizer) : usual;
  const special = {
    ...named,
    ...(paired && { decoder_start_token_id: named.pad_token_id }),
    // Where a text is cut off; Python takes token 0 where nothing is said.
    ...(size.architecture === 'marian' && { forced_eos_token_id: named.eos_token_id }),
  };
  const config = {
    ...families[size.architecture].config(size),
    vocab_size: size.vocabulary,
    tie_word_embeddings: size.tiedEmbeddings,
    ...(!paired && { initializer_range: 0.02 }),
    use_cache: true,
    ...special,
  };
  writeModelFiles(directory, filesOf(size), {
    'config.json': config,
    'generation_config.json': special,
    ...(tokenizer && { 'tokenizer.json': tokenizer.tokenizer, 'tokenizer_config.json': tokenizer.config }),
  });
}
