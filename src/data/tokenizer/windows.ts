// Long texts as overlapping windows that each fit the model, and for each token where it stands in the text: UTF-16
// places, as `text.slice` takes them. Rows are cut as the tokenizers library cuts them for Python's
// `return_overflowing_tokens`, at multiples of (room - stride), but here: its version 0.23.2 loses the end of texts
// where it encodes and cuts in one, and its Node binding takes no list of words, so the words of tokens are followed
// here, too.

import tokenizers, { type Encoding } from 'tokenizers';
import { unitsOf } from '../code-points.js';
import type { Window, WindowOptions, WindowSource } from './encoded.js';
import { refuseGrowth } from './growth.js';

const { mergeEncodings } = tokenizers;

type Tokenizer = InstanceType<typeof tokenizers.Tokenizer>;

/** What windows are made with. */
export interface WindowSources {
  /** Opens the tokenizer without what is done behind the tokens. */
  tokenizer(): Tokenizer;
  /** That alone: special tokens, and offsets without spaces. */
  finisher(ofWords: boolean): Tokenizer;
  /** Tokens of each word, and the word of each token. */
  pieces(words: readonly string[]): Promise<{ pieces: Encoding[]; of: number[] }>;
  /** Spaces that are put before each word. */
  spaces: number;
}

/** A row with all tokens of its texts. */
interface Whole {
  encoding: Encoding;
  /** The text that is cut, and its tokens. */
  of: 0 | 1;
  total: number;
  /** Word of each token of it, of given words. */
  words?: readonly number[];
  /** UTF-16 place of code point `at` of a text, or of a given word. */
  place(text: number, at: number, word: number): number;
}

/** Has tokenizers of its own, which are made when they are first used. */
export class Windows {
  readonly #maxLength: number;
  readonly #sources: WindowSources;
  #tokenizer: Tokenizer | undefined;
  #ofTexts: Tokenizer | undefined;
  #ofWords: Tokenizer | undefined;

  constructor(maxLength: number, sources: WindowSources) {
    this.#maxLength = maxLength;
    this.#sources = sources;
  }

  async of(source: WindowSource, { stride }: WindowOptions): Promise<Window[]> {
    return cut('words' in source ? await this.#list(source.words) : await this.#row(source), this.#maxLength, stride);
  }

  async #row({ text, pair }: Exclude<WindowSource, { words: unknown }>): Promise<Whole> {
    this.#ofTexts ??= this.#sources.finisher(false);
    const tokens = await this.#tokens(text);
    if (!pair) {
      const units = unitsOf(text);
      const encoding = this.#ofTexts.postProcess(tokens);
      return { encoding, of: 0, total: tokens.getLength(), place: (_, at) => units(at) };
    }
    const second = await this.#tokens(pair);
    const units = [unitsOf(text), unitsOf(pair)];
    const encoding = this.#ofTexts.postProcess(tokens, second);
    return { encoding, of: 1, total: second.getLength(), place: (of, at) => units[of]!(at) };
  }

  async #list(words: readonly string[]): Promise<Whole> {
    const { pieces, of } = await this.#sources.pieces(words);
    this.#ofWords ??= this.#sources.finisher(true);
    const units = new Map<number, (at: number) => number>();
    return {
      encoding: this.#ofWords.postProcess(mergeEncodings(pieces, false)),
      of: 0,
      total: of.length,
      words: of,
      place: (_, at, word) => {
        if (!units.has(word)) units.set(word, unitsOf(words[word]!));
        return units.get(word)!(Math.max(0, at - this.#sources.spaces));
      },
    };
  }

  async #tokens(text: string): Promise<Encoding> {
    this.#tokenizer ??= this.#sources.tokenizer();
    const encoding = await this.#tokenizer.encode(text, null, { addSpecialTokens: false });
    refuseGrowth(encoding.getLength(), text);
    return encoding;
  }
}

/** What is around the text that is cut goes around each part of it. @throws Error where nothing of it fits */
function cut({ encoding, of, total, words: given, place }: Whole, maxLength: number, most: number): Window[] {
  const [ids, types, texts] = [encoding.getIds(), encoding.getTypeIds(), textsOf(encoding)];
  const own = encoding.getWordIds();
  const begin = total === 0 ? ids.length : texts.indexOf(of);
  const end = begin + total;
  const words = texts.map((text, i) => (text === of && given ? given[i - begin]! : text < 0 ? -1 : (own[i] ?? -1)));
  const offsets = encoding.getOffsets();
  const places = offsets.flatMap((range, i) =>
    range.map((at) => (texts[i]! < 0 ? 0 : place(texts[i]!, at, words[i]!))),
  );
  const room = maxLength - (ids.length - total);
  if (room < 1) throw noRoom(ids.length - total, texts.filter((text) => text >= 0 && text !== of).length, maxLength);
  const stride = Math.min(most, Math.floor(room / 2));
  const windows: Window[] = [];
  for (let at = begin; ; at += room - stride) {
    const last = Math.min(at + room, end);
    const part = <T>(row: readonly T[], size = 1): T[] => [
      ...row.slice(0, begin * size),
      ...row.slice(at * size, last * size),
      ...row.slice(end * size),
    ];
    windows.push({
      ids: part(ids),
      types: part(types),
      truncated: false,
      texts: part(texts),
      words: part(words),
      places: part(places, 2),
      from: at - begin,
      total,
      before: at === begin ? 0 : stride,
      behind: last === end ? 0 : stride,
      within: at > begin && words[at] === words[at - 1],
    });
    if (last === end) return windows;
  }
}

function noRoom(around: number, before: number, maxLength: number): Error {
  return new Error(
    before === 0
      ? `${around} special tokens leave no room in ${maxLength} tokens; raise maxLength`
      : `the first text has ${before} tokens, and with ${around - before} special ones they leave no room for the second in ` +
          `${maxLength}; raise maxLength or shorten it`,
  );
}

/** Special tokens have no sequence; of one text alone the mask tells them. */
function textsOf(encoding: Encoding): number[] {
  const special = encoding.getSpecialTokensMask();
  return encoding.getSequenceIds().map((id, i) => (special[i] === 1 ? -1 : (id ?? 0)));
}
