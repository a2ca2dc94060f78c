// Text to token ids with the transformers library's tokenizers, which need no runtime. Cutting to a length keeps the
// special tokens, as the Python library does (transformers.js cuts the last ones off). Of a text far longer than the
// cut only the front is tokenised, where the tokenizer works word by word and the result is the same.

import { Tokenizer } from '@huggingface/tokenizers';
import { continuesWord } from './word-boundaries.js';

export interface Encoded {
  ids: number[];
  types: number[];
  truncated: boolean;
}

/** What masking needs of a tokenizer. */
export interface MaskVocabulary {
  maskId: number;
  /** Ids that are neither masked nor drawn as replacements. */
  special: ReadonlySet<number>;
  /** The other ids. */
  ordinary: readonly number[];
  /** Whether a token goes on with the word of the token before it. */
  continues(id: number): boolean;
}

type Json = Record<string, unknown>;
interface Template {
  before: number;
  between: number;
  after: number;
}

export class TextTokenizer {
  readonly padId: number;
  readonly padLeft: boolean;
  readonly maxLength: number;
  #tokenizer: Tokenizer;
  #single: Template;
  #pair: Template;
  #wordwise: boolean;
  /** Words of byte-level BPE begin with the space before them. */
  readonly #spaced: boolean;
  #around: { before: number[]; after: number[] } | undefined;
  readonly #files: { tokenizer: Json; config: Json };

  /** `maxLength`: most tokens of a row, special tokens included. */
  constructor(tokenizer: Json, config: Json, maxLength: number) {
    this.#tokenizer = new Tokenizer(tokenizer, config);
    this.maxLength = maxLength;
    this.#single = this.#template(false);
    this.#pair = this.#template(true);
    const pad = config.pad_token ?? config.eos_token;
    const candidates = [contentOf(pad), '[PAD]', '<pad>'].filter((token) => token !== undefined);
    this.padId = candidates.map((token) => this.#tokenizer.token_to_id(token)).find((id) => id !== undefined) ?? 0;
    this.padLeft = config.padding_side === 'left';
    this.#wordwise = isWordwise(tokenizer);
    this.#spaced = JSON.stringify(tokenizer.pre_tokenizer ?? null).includes('"ByteLevel"');
    this.#files = { tokenizer, config };
  }

  /**
   * What masking has to know of the vocabulary.
   * @throws Error where the tokenizer names no mask token or, for whole words, does not mark where words begin
   */
  maskVocabulary(wholeWords: boolean): MaskVocabulary {
    const { tokenizer, config } = this.#files;
    const maskId = ['[MASK]', '<mask>', contentOf(config.mask_token)]
      .map((token) => (token === undefined ? undefined : this.#tokenizer.token_to_id(token)))
      .findLast((id) => id !== undefined);
    if (maskId === undefined) throw new Error('it names no mask token, which masking needs');
    const special = new Set<number>(
      [...this.#tokenizer.get_added_tokens_decoder()].filter(([, token]) => token.special).map(([id]) => id),
    );
    const ordinary = [...this.#tokenizer.get_vocab().values()].filter((id) => !special.has(id)).sort((a, b) => a - b);
    return { maskId, special, ordinary, continues: wholeWords ? continuesWord(tokenizer) : () => false };
  }

  /** The ids of one text or one pair; throws when the vocabulary has no token for a part of it. */
  encode(text: string, pair?: string): Encoded {
    const encoded = pair ? this.#encodePair(text, pair) : this.#encodeSingle(text);
    if (encoded.ids.some((id) => id === undefined))
      throw new Error('a part of the text has no token in the vocabulary, and the tokenizer names no unknown token');
    return encoded;
  }

  /**
   * The ids of words that are cut already, each by itself with a space before it where the tokenizer marks spaces,
   * between the special tokens of one text. Words behind the cut are left out whole or in part.
   * @throws Error when the vocabulary has no token for a part of a word
   */
  encodeWords(words: readonly string[]): Encoded & { words: number[] } {
    const room = this.maxLength - this.#single.before - this.#single.after;
    const ids: number[] = [];
    const of: number[] = [];
    for (const [i, word] of words.entries()) {
      if (ids.length >= room) break;
      const pieces = this.#tokenizer.encode(this.#spaced ? ` ${word}` : word, { add_special_tokens: false }).ids;
      if (pieces.some((id: number | undefined) => id === undefined))
        throw new Error(`'${word}' has no token in the vocabulary`);
      for (const id of pieces) {
        ids.push(id);
        of.push(i);
      }
    }
    const truncated = ids.length > room || (of.at(-1) ?? -1) < words.length - 1;
    const { before, after } = this.#specials();
    const kept = ids.slice(0, room);
    const all = [...before, ...kept, ...after];
    const none = (special: readonly number[]): number[] => special.map(() => -1);
    return {
      ids: all,
      types: all.map(() => 0),
      truncated,
      words: [...none(before), ...of.slice(0, room), ...none(after)],
    };
  }

  /** Special tokens around one text. */
  #specials(): { before: number[]; after: number[] } {
    if (this.#around) return this.#around;
    const { before, after } = this.#single;
    const { ids } = this.#tokenizer.encode('a');
    this.#around = { before: ids.slice(0, before), after: after === 0 ? [] : ids.slice(-after) };
    return this.#around;
  }

  #encodeSingle(text: string): Encoded {
    const { after } = this.#single;
    let encoded: { ids: number[]; types: number[] } | undefined;
    for (const front of this.#fronts(text)) {
      encoded = this.#call(front);
      // The last tokens of a front may differ from those of the whole; a few more than needed must be there.
      if (encoded.ids.length > this.maxLength + 8) break;
      encoded = undefined;
    }
    const { ids, types } = encoded ?? this.#call(text);
    if (ids.length === 0) return { ids: [this.padId], types: [0], truncated: false };
    if (ids.length <= this.maxLength) return { ids, types, truncated: false };
    return { ...remove(ids, types, this.maxLength - after, ids.length - after), truncated: true };
  }

  /** Takes tokens off the end of the longer text, one by one, as `longest_first` does. */
  #encodePair(text: string, pair: string): Encoded {
    const whole = this.#call(text, pair);
    const over = whole.ids.length - this.maxLength;
    if (over <= 0) return { ...whole, truncated: false };
    const { before, between, after } = this.#pair;
    const second = this.#tokenizer.encode(pair, { add_special_tokens: false }).ids.length;
    const first = whole.ids.length - before - between - after - second;
    let [keepFirst, keepSecond] = [first, second];
    for (let i = 0; i < over; i++) {
      if (keepFirst > keepSecond) keepFirst--;
      else keepSecond--;
    }
    const startOfSecond = before + first + between;
    const tail = remove(whole.ids, whole.types, startOfSecond + keepSecond, startOfSecond + second);
    return { ...remove(tail.ids, tail.types, before + keepFirst, before + first), truncated: true };
  }

  #call(text: string, pair?: string): { ids: number[]; types: number[] } {
    const { ids, token_type_ids: types } = this.#tokenizer.encode(text, {
      text_pair: pair ?? null,
      return_token_type_ids: true,
    });
    return { ids, types: types ?? new Array<number>(ids.length).fill(0) };
  }

  /** Ever longer fronts of a long text, each cut before a run of spaces. */
  *#fronts(text: string): Generator<string> {
    if (!this.#wordwise) return;
    for (let length = 6 * this.maxLength + 64; length < text.length; length *= 2) {
      let cut = text.lastIndexOf(' ', length);
      while (cut > 0 && /\s/.test(text[cut - 1]!)) cut--;
      if (cut > 0) yield text.slice(0, cut);
    }
  }

  /** How many special tokens the tokenizer puts before, between and after the texts. */
  #template(pair: boolean): Template {
    const process = this.#tokenizer.post_processor as unknown as
      | ((first: string[], second: string[] | null, special: boolean) => { tokens: string[] })
      | null;
    if (!process) return { before: 0, between: 0, after: 0 };
    const { tokens } = process(['\0first'], pair ? ['\0second'] : null, true);
    const first = tokens.indexOf('\0first');
    const second = pair ? tokens.indexOf('\0second') : first;
    if (second < 0) return { before: first, between: 0, after: tokens.length - first - 1 };
    return { before: first, between: pair ? second - first - 1 : 0, after: tokens.length - second - 1 };
  }
}

/** A token of tokenizer_config.json: a text, or an object with one. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === 'object' && token !== null ? (token as Json).content : token;
  return typeof content === 'string' ? content : undefined;
}

const remove = (ids: number[], types: number[], from: number, to: number): { ids: number[]; types: number[] } => ({
  ids: [...ids.slice(0, from), ...ids.slice(to)],
  types: [...types.slice(0, from), ...types.slice(to)],
});

/** True where the tokens before a space do not depend on what follows it: WordPiece, and BPE split by words. */
function isWordwise(tokenizer: Json): boolean {
  const model = tokenizer.model as { type?: string } | undefined;
  const splitter = JSON.stringify(tokenizer.pre_tokenizer ?? null);
  const splits = /"(BertPreTokenizer|Whitespace|WhitespaceSplit|ByteLevel)"/.test(splitter);
  return splits && !splitter.includes('"use_regex":false') && (model?.type === 'WordPiece' || model?.type === 'BPE');
}
