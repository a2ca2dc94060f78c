// Learns a WordPiece vocabulary from texts and writes it as tokenizer.json, so that a model built from nothing has a
// tokenizer that transformers.js, @huggingface/tokenizers and Python open. Learning is byte-pair merging over word
// counts with '##' marking continuations, as the Hugging Face WordPiece trainer does it; encoding is their code, not
// ours. The result depends on the texts and options only, and 10 MB of text take about a second.

import { checkOptions, kindOfValue } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { learnMerges, type Word } from './merges.js';

export interface WordPieceOptions {
  /** Entries of the vocabulary with the five special tokens; default 8192. Small texts give fewer. */
  vocabulary?: number;
  /** Words rarer than this teach nothing; default 2. */
  minFrequency?: number;
  /** Most frequent characters that get a piece of their own; default 256. Words with others become [UNK]. */
  alphabet?: number;
  /** Longest input in tokens, written to tokenizer_config.json; default 512. */
  maxLength?: number;
}

/** Contents of tokenizer.json and tokenizer_config.json. */
export interface TokenizerFiles {
  tokenizer: { model: { vocab: Record<string, number> } } & Record<string, unknown>;
  config: Record<string, unknown>;
}

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
const longestWord = 40;

// What BertNormalizer and BertPreTokenizer leave: runs of letters and digits, or one punctuation mark or ideograph.
const wordPattern = /[\p{P}$+<=>^`|~]|\p{Script=Han}|[^\s\p{P}$+<=>^`|~\p{Script=Han}\p{Cc}\p{Cf}\u{fffd}]+/gu;

function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  let row = 0;
  for (const text of texts) {
    if (typeof text !== 'string')
      throw new UsageError(`buildWordPiece: text ${row} must be a text, found ${kindOfValue(text)}`);
    row++;
    const normal = text
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '')
      .toLowerCase();
    for (const [word] of normal.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** Pieces in order of learning: characters by frequency, then merges. */
function learnPieces(counts: Map<string, number>, size: number, minFrequency: number, alphabet: number): string[] {
  const characters = new Map<string, number>();
  for (const [word, count] of counts) for (const c of word) characters.set(c, (characters.get(c) ?? 0) + count);
  const known = [...characters].sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1)).slice(0, alphabet);
  const pieces = known.flatMap(([c]) => [c, `##${c}`]);
  const ids = new Map(pieces.map((piece, i) => [piece, i]));
  const words: Word[] = [];
  for (const [word, count] of counts) {
    if (count < minFrequency || word.length > longestWord) continue;
    const split = Array.from(word, (c, i) => ids.get(i === 0 ? c : `##${c}`) ?? -1);
    if (!split.includes(-1)) words.push({ pieces: split, count });
  }
  learnMerges({ pieces, words, size, minFrequency, join: (a, b) => a + b.slice(2) });
  return pieces.slice(0, size);
}

/**
 * Learns a lower-casing BERT tokenizer from texts.
 * @returns the contents of `tokenizer.json` and `tokenizer_config.json`
 * @throws UsageError when the vocabulary cannot hold the special tokens and one letter, or no text holds a word
 */
export function buildWordPiece(texts: Iterable<string>, options: WordPieceOptions = {}): TokenizerFiles {
  if (typeof texts === 'string' || typeof texts?.[Symbol.iterator] !== 'function')
    throw new UsageError(`buildWordPiece: texts must be an iterable of texts, found ${kindOfValue(texts)}`);
  checkOptions(options, 'buildWordPiece: options', ['vocabulary', 'minFrequency', 'alphabet', 'maxLength']);
  const { vocabulary = 8192, minFrequency = 2, alphabet = 256, maxLength = 512 } = options;
  if (!Number.isSafeInteger(vocabulary) || vocabulary <= special.length + 1)
    throw new UsageError(
      `wordpiece option 'vocabulary' must be a whole number above ${special.length + 1}, found ${vocabulary}`,
    );
  const counts = countWords(texts);
  if (counts.size === 0) throw new UsageError('no words to learn a vocabulary from: every text is empty');
  const pieces = [...special, ...learnPieces(counts, vocabulary - special.length, minFrequency, alphabet)];
  return tokenizerFiles(Object.fromEntries(pieces.map((piece, i) => [piece, i])), maxLength);
}

function tokenizerFiles(vocab: Record<string, number>, maxLength: number): TokenizerFiles {
  const token = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const single = [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0)];
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
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
      single,
      pair: [...single, sequence('B', 1), token('[SEP]', 1)],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }])),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
  const config = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: maxLength,
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    mask_token: '[MASK]',
  };
  return { tokenizer, config };
}
