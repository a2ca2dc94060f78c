// Messages between a thread that wants tokens and the process that makes them.

import type { RenderedChat } from './chat.js';
import type { Encoded, MaskVocabulary, WholeText, Window, WindowSource } from './encoded.js';

/** Special tokens around a text. */
export interface AroundTexts {
  before: readonly string[];
  after: readonly string[];
}

/** What tokenising follows from; JSON. */
export interface TextEncoding {
  /** Holds tokenizer.json and, where there is one, tokenizer_config.json. */
  directory: string;
  /** Most tokens of a row. */
  maxLength: number;
  /** Of the tokenizer's files when they were judged: later ones must be the same; undefined: any. */
  hash?: string | undefined;
  /** Rows of the model's embedding; undefined: not known. */
  embeddingRows?: number | undefined;
  /** In place of those that the files put around texts. */
  around?: AroundTexts | undefined;
  /** Texts that cannot be read by the model are left out of their batch instead of ending it: predictions. */
  tolerant?: boolean | undefined;
  /** Most that one text may take, beside what goes with its length; default 5 s of processor time and 1 GiB. */
  most?: { seconds: number; bytes: number } | undefined;
}

/**
 * Most UTF-16 units of a text that are tokenised at once: they may take 5 s and 1 GB, as normalising keeps the place of
 * each byte. Books of this length have white space, and then only their front is tokenised.
 */
export const mostUnits = 2 ** 21;

export type TokenizerRequest =
  | { kind: 'open'; encoding: TextEncoding }
  | { kind: 'texts'; texts: readonly (readonly [text: string, pair: string])[] }
  | { kind: 'words'; texts: readonly (readonly string[])[] }
  | { kind: 'chats'; texts: readonly string[]; prompts: boolean }
  | { kind: 'whole'; texts: readonly string[]; special: boolean }
  | { kind: 'windows'; texts: readonly WindowRequest[]; stride: number }
  | { kind: 'windowCounts'; texts: readonly WindowSource[]; stride: number }
  | { kind: 'mask'; wholeWords: boolean }
  | { kind: 'decode'; rows: readonly (readonly number[])[]; withoutSpecial: boolean }
  | { kind: 'survey'; texts: readonly string[] };

/** What the files say. */
export interface TokenizerFacts {
  padId: number;
  padLeft: boolean;
  /** Of the token that ends a text; undefined: the files name none. */
  endId: number | undefined;
  /** Largest id of the vocabulary. */
  largestId: number;
  notes: readonly string[];
}

export interface MaskFacts {
  maskId: number;
  special: readonly number[];
  ordinary: readonly number[];
  /** Ids that go on with a word. */
  continuing: readonly number[];
}

export const factsOf = ({ padId, padLeft, endId, largestId, notes }: TokenizerFacts): TokenizerFacts => ({
  ...{ padId, padLeft, endId, largestId, notes },
});

export function maskFactsOf({ maskId, special, ordinary, continues }: MaskVocabulary): MaskFacts {
  return { maskId, special: [...special], ordinary, continuing: ordinary.filter((id) => continues(id)) };
}

export function maskVocabularyOf({ maskId, special, ordinary, continuing }: MaskFacts): MaskVocabulary {
  const goesOn = new Set(continuing);
  return { maskId, special: new Set(special), ordinary, continues: (id) => goesOn.has(id) };
}

/** A text that has no tokens, or whose tokens the model does not have. */
export interface Failed {
  error: string;
}

/** One of the windows of a text; default the first, and the others are cut off. */
export type WindowRequest = WindowSource & { window?: number | undefined };

export type EncodedWords = Encoded & { words: number[] };

/** What a sample of texts shows. */
export interface Survey {
  tokens: number;
  /** Tokens of parts that the vocabulary does not have. */
  unknown: number;
  /** Some of those parts. */
  unknownParts: readonly string[];
  /** Texts that the JavaScript tokenizer, which transformers.js has, makes other tokens of. */
  unlike: number;
  /** The first of them. */
  firstUnlike?: number | undefined;
}

export interface TokenizerAnswers {
  open: TokenizerFacts;
  texts: readonly (Encoded | Failed)[];
  words: readonly (EncodedWords | Failed)[];
  /** Of chats, as the text of a Conversation in JSON. */
  chats: readonly (RenderedChat | Failed)[];
  whole: readonly (WholeText | Failed)[];
  windows: readonly (Window | Failed)[];
  windowCounts: readonly ({ count: number } | Failed)[];
  mask: MaskFacts;
  decode: readonly string[];
  survey: Survey;
}

/** Numbers that the service and its watchdog share: Float64Array. */
export const watched = { item: 0, startedCpuSeconds: 1, mostCpuSeconds: 2, mostBytes: 3, length: 4 } as const;

/** Before the reason why the watchdog ended the process, on its standard error. */
export const watchdogMark = 'ortune-watchdog';
