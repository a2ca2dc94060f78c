// Learns a byte-level BPE vocabulary from texts and writes it as tokenizer.json, as GPT-2 has it: every byte is a
// piece, so that no text is unknown. Pieces and merges are those of Python's BpeTrainer for the same texts and options;
// encoding is the tokenizers library's code, not ours. Source: Radford et al., Language Models are Unsupervised
// Multitask Learners (2019).

import { checkOptions, kindOfValue } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { learnMerges, type Word } from './merges.js';
import type { TokenizerFiles } from './wordpiece.js';

export interface BytePairOptions {
  /** Entries of the vocabulary with the bytes and the special tokens; default 8192. Small texts give fewer. */
  vocabulary?: number;
  /** Pairs of pieces that are rarer are not merged; default 2. */
  minFrequency?: number;
  /** Longest input in tokens, written to tokenizer_config.json; default 512. */
  maxLength?: number;
  /**
   * What the tokenizer is for. causal-lm (default): one special token, `<|endoftext|>`, that begins, ends and fills up.
   * seq2seq: `<pad>`, and `</s>` behind every text.
   */
  purpose?: 'causal-lm' | 'seq2seq';
}

const endOfText = '<|endoftext|>';
const specialTokens = { 'causal-lm': [endOfText], seq2seq: ['<pad>', '</s>'] } as const;

// GPT-2's words: contractions, letters, digits or other marks with the space before them, and white space.
const wordPattern =
  /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The visible character that stands for each byte: itself where it is visible in Latin-1, else one from U+0100 on. */
const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(visible ? byte : next++);
  });
})();

/** How often each word occurs. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  let row = 0;
  for (const text of texts) {
    if (typeof text !== 'string')
      throw new UsageError(`buildBytePairs: text ${row} must be a text, found ${kindOfValue(text)}`);
    row++;
    for (const [word] of text.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/**
 * Learns a byte-level BPE tokenizer from texts.
 * @returns the contents of `tokenizer.json` and `tokenizer_config.json`
 * @throws UsageError when the vocabulary cannot hold the bytes and the special tokens, or every text is empty
 */
export function buildBytePairs(texts: Iterable<string>, options: BytePairOptions = {}): TokenizerFiles {
  if (typeof texts === 'string' || typeof texts?.[Symbol.iterator] !== 'function')
    throw new UsageError(`buildBytePairs: texts must be an iterable of texts, found ${kindOfValue(texts)}`);
  checkOptions(options, 'buildBytePairs: options', ['vocabulary', 'minFrequency', 'maxLength', 'purpose']);
  const { vocabulary = 8192, minFrequency = 2, maxLength = 512, purpose = 'causal-lm' } = options;
  if (!Object.hasOwn(specialTokens, purpose))
    throw new UsageError(`byte pairs option 'purpose' must be causal-lm or seq2seq, found '${purpose}'`);
  const special = specialTokens[purpose];
  const least = 256 + special.length;
  if (!Number.isSafeInteger(vocabulary) || vocabulary < least)
    throw new UsageError(
      `byte pairs option 'vocabulary' must be a whole number of at least ${least} (every byte, and ${special.join(', ')}), found ${vocabulary}`,
    );
  if (!Number.isSafeInteger(minFrequency) || minFrequency < 1)
    throw new UsageError(
      `byte pairs option 'minFrequency' must be a whole number of at least 1, found ${kindOfValue(minFrequency)} '${minFrequency}'`,
    );
  const counts = countWords(texts);
  if (counts.size === 0) throw new UsageError('no words to learn a vocabulary from: every text is empty');
  const alphabet = byteCharacters.toSorted((a, b) => a.charCodeAt(0) - b.charCodeAt(0));
  const pieces = [...special, ...alphabet];
  const ids = new Map(pieces.map((piece, i) => [piece, i]));
  const idOfByte = byteCharacters.map((character) => ids.get(character)!);
  const words = [...counts].map(([word, count]): Word => {
    return { pieces: Array.from(Buffer.from(word), (byte) => idOfByte[byte]!), count };
  });
  const merges = learnMerges({ pieces, words, size: vocabulary, minFrequency, join: (a, b) => a + b });
  return tokenizerFiles(pieces, merges, special, maxLength, purpose);
}

function tokenizerFiles(
  pieces: readonly string[],
  merges: [string, string][],
  special: readonly string[],
  maxLength: number,
  purpose: keyof typeof specialTokens,
): TokenizerFiles {
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const end = special.at(-1)!;
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const closed = (id: string, type_id: number) => [sequence(id, type_id), { SpecialToken: { id: end, type_id } }];
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const template = {
    type: 'TemplateProcessing',
    single: closed('A', 0),
    pair: [...closed('A', 0), ...closed('B', 0)],
    special_tokens: { [end]: { id: end, ids: [vocab[end]], tokens: [end] } },
  };
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => {
      return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    }),
    normalizer: null,
    pre_tokenizer: bytes,
    post_processor: purpose === 'seq2seq' ? template : null,
    decoder: bytes,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
    ...(purpose === 'causal-lm' && { bos_token: end }),
    eos_token: end,
    pad_token: special[0],
  };
  return { tokenizer, config };
}
