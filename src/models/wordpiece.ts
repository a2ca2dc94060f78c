// Learns a WordPiece vocabulary from texts and writes it as tokenizer.json, so that a model built from nothing has a
// tokenizer that transformers.js, @huggingface/tokenizers and Python open. Learning is byte-pair merging over word
// counts with '##' marking continuations, as the Hugging Face WordPiece trainer does it; encoding is their code, not
// ours. The result depends on the texts and options only, and 10 MB of text take about a second.

import { checkOptions, kindOfValue } from '../arguments.js';
import { UsageError } from '../errors.js';

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

/** A word as the pieces it consists of so far, and how often it occurs. */
interface Word {
  pieces: number[];
  count: number;
}

/**
 * Pairs of neighbouring pieces by frequency; ties go to the pair of the older pieces. Stale entries are dropped late.
 */
class PairQueue {
  readonly #keys: number[] = [];
  readonly #counts: number[] = [];

  #before(i: number, j: number): boolean {
    const byCount = this.#counts[i]! - this.#counts[j]!;
    return byCount > 0 || (byCount === 0 && this.#keys[i]! < this.#keys[j]!);
  }

  #swap(i: number, j: number): void {
    for (const array of [this.#keys, this.#counts]) [array[i], array[j]] = [array[j]!, array[i]!];
  }

  push(key: number, count: number): void {
    let i = this.#keys.push(key) - 1;
    this.#counts.push(count);
    for (let parent = (i - 1) >> 1; i > 0 && this.#before(i, parent); parent = (i - 1) >> 1) {
      this.#swap(i, parent);
      i = parent;
    }
  }

  pop(): { key: number; count: number } | undefined {
    if (this.#keys.length === 0) return undefined;
    this.#swap(0, this.#keys.length - 1);
    const top = { key: this.#keys.pop()!, count: this.#counts.pop()! };
    for (let i = 0; ; ) {
      let first = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < this.#keys.length && this.#before(child, first)) first = child;
      if (first === i) return top;
      this.#swap(i, first);
      i = first;
    }
  }
}

const pairKey = (a: number, b: number): number => a * 0x100000 + b;

/** The pairs of the corpus: how often each occurs and in which words it was seen. */
class PairIndex {
  readonly #words: Word[];
  readonly #counts = new Map<number, number>();
  readonly #seenIn = new Map<number, number[]>();
  readonly #queue = new PairQueue();

  constructor(words: Word[]) {
    this.#words = words;
    for (let i = 0; i < words.length; i++) this.#count(i, 1);
    for (const [key, count] of this.#counts) this.#queue.push(key, count);
  }

  #count(index: number, sign: 1 | -1, changed?: Set<number>): void {
    const { pieces, count } = this.#words[index]!;
    for (let i = 0; i + 1 < pieces.length; i++) {
      const key = pairKey(pieces[i]!, pieces[i + 1]!);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * count);
      if (sign < 0) continue;
      changed?.add(key);
      const seen = this.#seenIn.get(key);
      if (!seen) this.#seenIn.set(key, [index]);
      else if (seen.at(-1) !== index) seen.push(index);
    }
  }

  /** The most frequent pair, if it occurs at least `minimum` times. */
  best(minimum: number): { a: number; b: number } | undefined {
    for (let top = this.#queue.pop(); top; top = this.#queue.pop()) {
      const count = this.#counts.get(top.key) ?? 0;
      if (count === top.count && count >= minimum) return { a: Math.floor(top.key / 0x100000), b: top.key % 0x100000 };
      if (count >= minimum && count < top.count) this.#queue.push(top.key, count);
    }
    return undefined;
  }

  /** Replaces the pair by one piece in every word. */
  merge(a: number, b: number, piece: number): void {
    const key = pairKey(a, b);
    const changed = new Set<number>();
    for (const index of new Set(this.#seenIn.get(key))) {
      const word = this.#words[index]!;
      if (!word.pieces.some((p, i) => p === a && word.pieces[i + 1] === b)) continue;
      this.#count(index, -1);
      const merged: number[] = [];
      for (let i = 0; i < word.pieces.length; i++) {
        const hit = word.pieces[i] === a && word.pieces[i + 1] === b;
        merged.push(hit ? piece : word.pieces[i]!);
        if (hit) i++;
      }
      word.pieces = merged;
      this.#count(index, 1, changed);
    }
    this.#counts.delete(key);
    this.#seenIn.delete(key);
    for (const pair of changed) this.#queue.push(pair, this.#counts.get(pair)!);
  }
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
  const pairs = new PairIndex(words);
  while (pieces.length < size) {
    const pair = pairs.best(minFrequency);
    if (!pair) break;
    const text = pieces[pair.a]! + pieces[pair.b]!.slice(2);
    let piece = ids.get(text);
    if (piece === undefined) {
      piece = pieces.push(text) - 1;
      ids.set(text, piece);
    }
    pairs.merge(pair.a, pair.b, piece);
  }
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
