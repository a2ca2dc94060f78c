// Small tokenizers written as the transformers library stores them: WordPiece as BERT's, byte-level BPE as RoBERTa's.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Json = Record<string, unknown>;

export function writeTokenizer(tokenizer: Json, config: Json): string {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-tokenizer-'));
  writeFileSync(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(directory, 'tokenizer_config.json'), JSON.stringify(config));
  return directory;
}

const added = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: content === '<mask>',
  rstrip: false,
  normalized: false,
  special: true,
});

const bertSpecials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

export function wordPiece(words: readonly string[]): { tokenizer: Json; config: Json } {
  const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789.,!?$:-'];
  const tokens = new Set([...bertSpecials, ...words, ...letters, ...letters.map((letter) => `##${letter}`)]);
  const special = (token: string, type: number) => ({ SpecialToken: { id: token, type_id: type } });
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const tokenizer = {
    version: '1.0',
    added_tokens: bertSpecials.map(added),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
      pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
      special_tokens: {},
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries([...tokens].map((token, id) => [token, id])),
    },
  };
  const config = { tokenizer_class: 'BertTokenizer', pad_token: '[PAD]', unk_token: '[UNK]', model_max_length: 512 };
  return { tokenizer, config };
}

const robertaSpecials = ['<s>', '<pad>', '</s>', '<unk>', '<mask>'];

/** `merges`: pairs of byte-level symbols, a space written as Ġ. */
export function byteLevelBpe(merges: readonly string[]): { tokenizer: Json; config: Json } {
  const printable: number[] = [];
  for (let byte = 33; byte <= 255; byte++) if (byte <= 126 || (byte >= 161 && byte !== 173)) printable.push(byte);
  const symbols = Array.from({ length: 256 }, (_, byte) => byte).map((byte, i, all) =>
    printable.includes(byte)
      ? String.fromCharCode(byte)
      : String.fromCharCode(256 + all.slice(0, i).filter((b) => !printable.includes(b)).length),
  );
  const tokens = [...robertaSpecials, ...symbols, ...merges.map((merge) => merge.replace(' ', ''))];
  const tokenizer = {
    version: '1.0',
    added_tokens: robertaSpecials.map(added),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', 2],
      cls: ['<s>', 0],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: { type: 'BPE', unk_token: '<unk>', vocab: Object.fromEntries(tokens.map((t, id) => [t, id])), merges },
  };
  const config = { tokenizer_class: 'RobertaTokenizer', pad_token: '<pad>', unk_token: '<unk>', model_max_length: 512 };
  return { tokenizer, config };
}

export const sampleWords = [
  'the',
  'free',
  'money',
  'meet',
  '##ing',
  'click',
  'here',
  'now',
  'lunch',
  'at',
  'mail',
  '##s',
];
export const sampleMerges = ['t h', 'th e', 'Ġ the', 'i n', 'in g', 'e e', 'Ġ f', 'Ġf r', 'Ġfr ee', 'Ġ m', 'Ġm o'];
