// Text to token ids with the Rust tokenizers that Python's transformers has too, opened as transformers opens them
// (as-python.ts). Cutting to a length is theirs as well, so that special tokens stay. One text a call, never
// the library's own thread pool. This runs in a process of its own (service.ts), which bounds what a
// tokenizer.json of others may take of time and memory.

import tokenizers, { type Encoding } from 'tokenizers';
import { isObject, type Json } from '../../files/json.js';
import { formatCount } from '../../format.js';
import { unitsOf } from '../code-points.js';
import { continuesWord } from '../word-boundaries.js';
import { asPython, type PythonTokenizer, type TokenizerContents } from './as-python.js';
import { ChatTemplate, templateOf } from './chat.js';
import {
  type Encoded,
  type MaskVocabulary,
  mostSpecial,
  type WholeText,
  type Window,
  type WindowOptions,
  type WindowSource,
} from './encoded.js';
import { fronts, type SureFronts, sureFronts } from './fronts.js';
import { refuseGrowth } from './growth.js';
import { type AroundTexts, mostUnits } from './protocol.js';
import { Windows } from './windows.js';

// A CommonJS module whose names Node does not see.
const { Tokenizer, Unigram, mergeEncodings } = tokenizers;

/** Words whose numbers of tokens are kept. */
const mostLengths = 2 ** 17;

interface UnigramModel {
  type: unknown;
  vocab: [string, number][];
  unk_id: number;
  byte_fallback: boolean;
}

export class RustTokenizer {
  readonly padId: number;
  readonly padLeft: boolean;
  readonly maxLength: number;
  /** What the user should know of the files. */
  readonly notes: readonly string[];
  /** Id of a part of a text that the vocabulary has no token for; undefined: there is none. */
  readonly unknownId: number | undefined;
  /** Tokens by their ids. */
  readonly #python: PythonTokenizer;
  readonly #tokenizer: InstanceType<typeof Tokenizer>;
  /** The same without cutting to a length. */
  readonly #whole: InstanceType<typeof Tokenizer>;
  readonly #sure: SureFronts | undefined;
  /** The same for words that are cut already. */
  readonly #words: InstanceType<typeof Tokenizer>;
  /** Whether a space has to go before such a word. */
  readonly #spaced: boolean;
  /** Made when it is first asked for. */
  #windows: Windows | undefined;
  /** Tokens of words that were counted. */
  readonly #lengths = new Map<string, number>();

  /**
   * `maxLength`: most tokens of a row, special tokens included; `around`: these, in place of the files'. @throws Error
   * for files that cannot be used
   */
  constructor(contents: TokenizerContents, maxLength: number, around?: AroundTexts) {
    this.#python = asPython(contents, around);
    const { json, padToken, padLeft, truncateLeft, vocabulary, notes, unknown } = this.#python;
    this.#tokenizer = open(this.#python);
    this.#tokenizer.disablePadding();
    this.#tokenizer.setTruncation(maxLength, { direction: truncateLeft ? 'left' : 'right' });
    this.#whole = open(this.#python);
    this.maxLength = maxLength;
    const candidates = [padToken, '[PAD]', '<pad>'].filter((token) => token !== undefined);
    this.padId = candidates.map((token) => vocabulary.get(token)).find((id) => id !== undefined) ?? 0;
    this.padLeft = padLeft;
    this.notes = notes;
    this.unknownId = unknown;
    this.#sure = truncateLeft ? undefined : sureFronts(json);
    // What is done behind the tokens is done once, when the words are put together.
    this.#words = open({ ...this.#python, json: { ...withPrefixSpace(json), post_processor: null } });
    this.#spaced = splitsBytes(json) && !isByteLevel(json.pre_tokenizer);
  }

  /** Id of the token that ends a text; undefined: the files name none. */
  get endId(): number | undefined {
    const { endToken, vocabulary } = this.#python;
    return endToken === undefined ? undefined : vocabulary.get(endToken);
  }

  /** The chat template of the files. @throws Error where there is none, or it cannot be parsed */
  chatTemplate({ config = {}, chatTemplate: file }: TokenizerContents): ChatTemplate {
    const { named, special } = this.#python;
    return new ChatTemplate(
      templateOf(config, file),
      named,
      [...special].map((id) => this.tokenOf(id)),
    );
  }

  /** Largest id of the vocabulary. */
  get largestId(): number {
    let largest = -1;
    for (const id of this.#python.vocabulary.values()) largest = Math.max(largest, id);
    return largest;
  }

  tokenOf(id: number): string {
    return this.#tokenizer.idToToken(id) ?? `token ${id}`;
  }

  /**
   * What masking has to know of the vocabulary.
   * @throws Error where the tokenizer names no mask token or, for whole words, does not mark where words begin
   */
  maskVocabulary(wholeWords: boolean): MaskVocabulary {
    const { vocabulary, maskToken, special, json } = this.#python;
    const maskId = [maskToken, '[MASK]', '<mask>']
      .map((token) => (token === undefined ? undefined : vocabulary.get(token)))
      .find((id) => id !== undefined);
    if (maskId === undefined) throw new Error('it names no mask token, which masking needs');
    const ordinary = [...new Set(vocabulary.values())].filter((id) => !special.has(id)).sort((a, b) => a - b);
    return { maskId, special, ordinary, continues: wholeWords ? continuesWord(json) : () => false };
  }

  /** The ids of one text or one pair; throws when the vocabulary has no token for a part of it. */
  async encode(text: string, pair?: string): Promise<Encoded> {
    if (pair) {
      // How both are cut follows from the lengths of both.
      this.#refuseLong(text.length + pair.length);
      const encoding = await this.#tokenizer.encode(text, pair);
      return this.#row(encoding, encoding.getOverflowing().length > 0);
    }
    const whole = await this.#uncut(text);
    const encoding = this.#tokenizer.postProcess(whole);
    return this.#row(encoding, whole.getLength() > kept(encoding));
  }

  /** All tokens of a text, or of a front of it that holds more of them than are kept; without special tokens. */
  async #uncut(text: string): Promise<Encoding> {
    const encode = (part: string) => this.#whole.encode(part, null, { addSpecialTokens: false });
    // Before a front's end an added token may begin, whose bytes would be tokens.
    const enough = this.maxLength + 8 + 4 * (this.#sure?.reach ?? 0);
    for (const front of this.#sure ? fronts(text, enough, this.#sure) : []) {
      if (front.length > mostUnits) break;
      const encoding = await encode(front);
      if (encoding.getLength() > enough) return encoding;
    }
    this.#refuseLong(text.length);
    const encoding = await encode(text);
    refuseGrowth(encoding.getLength(), text);
    return encoding;
  }

  /** @throws Error for more than is tokenised whole */
  #refuseLong(units: number): void {
    if (units > mostUnits)
      throw new Error(
        `it has ${formatCount(units)} characters, and no front of it whose tokens are known without the rest; up to ` +
          `${formatCount(mostUnits)} are tokenised then. Cut it: at most ${this.maxLength} tokens are kept`,
      );
  }

  /**
   * The ids of words that are cut already, each by itself with a space before it where the tokenizer marks spaces,
   * between the special tokens of one text. Words behind the cut are left out whole or in part.
   * @throws Error when the vocabulary has no token for a part of a word
   */
  async encodeWords(words: readonly string[]): Promise<Encoded & { words: number[] }> {
    // As many as may fit, and one more, so that cutting is seen.
    const most = this.#python.truncateLeft ? Number.POSITIVE_INFINITY : this.maxLength + 1;
    const { pieces, of } = await this.#piecesOf(words, most);
    const merged = this.#tokenizer.postProcess(mergeEncodings(pieces, false));
    const specials = merged.getSpecialTokensMask();
    let next = this.#python.truncateLeft ? of.length - kept(merged) : 0;
    const row = this.#row(merged, of.length > kept(merged));
    return { ...row, words: row.ids.map((_, i) => (specials[i] === 0 ? of[next++]! : -1)) };
  }

  /**
   * All tokens of a text, with the special ones that the tokenizer puts around it or without. @throws Error for a text
   * that is too long to be tokenised at once, and where the vocabulary has no token for a part of it
   */
  async whole(text: string, special: boolean): Promise<WholeText> {
    this.#refuseLong(text.length);
    const encoding = await this.#whole.encode(text, null, { addSpecialTokens: special });
    refuseGrowth(encoding.getLength(), text);
    const unitOf = unitsOf(text);
    return { ids: encoding.getIds(), places: encoding.getOffsets().flat().map(unitOf) };
  }

  /** The text of tokens, without special ones or with them. */
  decode(ids: readonly number[], withoutSpecial: boolean): Promise<string> {
    return this.#tokenizer.decode([...ids], withoutSpecial);
  }

  /** Tokens of each word, up to `most` of them in all, and the word of each token. */
  async #piecesOf(words: readonly string[], most: number): Promise<{ pieces: Encoding[]; of: number[] }> {
    const pieces: Encoding[] = [];
    const of: number[] = [];
    for (let i = 0; i < words.length && of.length < most; i++) {
      const word = this.#spaced ? ` ${words[i]}` : words[i]!;
      this.#refuseLong(word.length);
      const encoding = await this.#words.encode(word, null, { addSpecialTokens: false });
      refuseGrowth(encoding.getLength(), word);
      pieces.push(encoding);
      for (let k = encoding.getLength(); k > 0; k--) of.push(i);
    }
    return { pieces, of };
  }

  /**
   * The windows of a long text, of a pair whose second text is long, or of words that are cut already; one where all
   * fits. Each has the special tokens of a row.
   * @throws Error when the vocabulary has no token for a part, and where the first text of a pair leaves no room
   */
  async windows(source: WindowSource, options: WindowOptions): Promise<Window[]> {
    const { json } = this.#python;
    if ('text' in source) this.#refuseLong(Math.max(source.text.length, source.pair?.length ?? 0));
    this.#windows ??= new Windows(this.maxLength, {
      tokenizer: () => open({ ...this.#python, json: { ...json, post_processor: null } }),
      finisher: (ofWords) => finisherOf(ofWords ? withPrefixSpace(json) : json),
      spaces: this.#spaced ? 1 : 0,
      pieces: (words) => this.#piecesOf(words, Number.POSITIVE_INFINITY),
    });
    const found = await this.#windows.of(source, options);
    // A row has to have a token.
    const empty = { ids: [this.padId], types: [0], texts: [-1], words: [-1], places: [0, 0] };
    return found.map((window) => (window.ids.length === 0 ? { ...window, ...empty } : window));
  }

  /** How many `windows` there are. The words of a list are counted one by one, since they mostly come again. */
  async windowCount(source: WindowSource, options: WindowOptions): Promise<number> {
    if ('words' in source) {
      for (const word of source.words) if (!this.#lengths.has(word)) await this.#countOf(word);
      if (this.surelyFits(source.words)) return 1;
    }
    return (await this.windows(source, options)).length;
  }

  /** Whether all words were counted, and fit into one window. */
  surelyFits(words: readonly string[]): boolean {
    let tokens = mostSpecial;
    for (const word of words) tokens += this.#lengths.get(word) ?? Number.POSITIVE_INFINITY;
    return tokens <= this.maxLength;
  }

  async #countOf(word: string): Promise<void> {
    const { of } = await this.#piecesOf([word], Number.POSITIVE_INFINITY);
    if (this.#lengths.size === mostLengths) this.#lengths.clear();
    this.#lengths.set(word, of.length);
  }

  /** All tokens of a text, and the parts of it that the vocabulary does not have. */
  async inspect(text: string): Promise<{ ids: number[]; unknownParts: string[] }> {
    const encoding = await this.#whole.encode(text);
    const ids = encoding.getIds();
    if (this.unknownId === undefined || !ids.includes(this.unknownId)) return { ids, unknownParts: [] };
    const [letters, offsets] = [[...text], encoding.getOffsets()];
    const unknown = [...ids.keys()].filter((i) => ids[i] === this.unknownId);
    return { ids, unknownParts: unknown.map((i) => letters.slice(offsets[i]![0], offsets[i]![1]).join('')) };
  }

  #row(encoding: Encoding, truncated: boolean): Encoded {
    const ids = encoding.getIds();
    // A row has to have a token.
    if (ids.length === 0) return { ids: [this.padId], types: [0], truncated };
    return { ids, types: encoding.getTypeIds(), truncated };
  }
}

function open({ json, rebuilt }: PythonTokenizer): InstanceType<typeof Tokenizer> {
  const tokenizer = Tokenizer.fromString(JSON.stringify(json));
  const { type, vocab, unk_id: unkId, byte_fallback: byteFallback } = json.model as UnigramModel;
  if (rebuilt && type === 'Unigram') tokenizer.setModel(Unigram.init(vocab, { unkId, byteFallback }));
  return tokenizer;
}

/** What is done behind the tokens, alone: cutting and special tokens. */
const finisherOf = (json: Json): InstanceType<typeof Tokenizer> =>
  Tokenizer.fromString(JSON.stringify({ ...json, model: { type: 'BPE', vocab: {}, merges: [] }, added_tokens: [] }));

const isByteLevel = (part: unknown): part is Json => isObject(part) && part.type === 'ByteLevel';

const splitsBytes = ({ pre_tokenizer }: Json): boolean => JSON.stringify(pre_tokenizer ?? null).includes('"ByteLevel"');

/** Byte-level vocabularies have words with the space before them: what add_prefix_space=True is for in Python. */
function withPrefixSpace(json: Json): Json {
  const { pre_tokenizer: before, post_processor: behind } = json;
  if (!isByteLevel(before)) return json;
  const spaced = { add_prefix_space: true };
  // Offsets of words begin before the space.
  const places = isObject(behind) && behind.type === 'RobertaProcessing' ? { ...behind, ...spaced } : behind;
  return { ...json, pre_tokenizer: { ...before, ...spaced }, post_processor: places };
}

/** Tokens of the text itself. */
const kept = (encoding: Encoding): number => encoding.getSpecialTokensMask().filter((one) => one === 0).length;
