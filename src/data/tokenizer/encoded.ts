// What tokenising gives, and what windows of long texts are made of: without the library that does it, so that types of
// the package lead to none of its own.

export interface Encoded {
  ids: number[];
  types: number[];
  truncated: boolean;
}

/** All tokens of a text, whatever a model reads at once. */
export interface WholeText {
  ids: number[];
  /**
   * Where each token begins and ends in the text, in UTF-16 units, [2 * tokens]; 0, 0 of special tokens put around it.
   */
  places: number[];
}

/** More special tokens than a row has. */
export const mostSpecial = 16;

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

/** What windows are made of: a text, a pair whose second text is cut (none where it is empty), or words. */
export type WindowSource = { text: string; pair?: string | undefined } | { words: readonly string[] };

export interface WindowOptions {
  /** Tokens that neighbours have in common; at most half of what a window has room for. */
  stride: number;
}

export interface Window extends Encoded {
  /** Text that each token is of: 0, 1 of a pair's second, -1 of special tokens. */
  texts: number[];
  /** Word of each token: of those given, else as the tokenizer splits a text; -1 of special tokens. */
  words: number[];
  /** For each token from where to where it is in its text or given word, [2 * tokens]; 0, 0 of special tokens. */
  places: number[];
  /** Tokens of the text that is cut before this window, and of all of it. */
  from: number;
  total: number;
  /** Tokens that this window has in common with the one before and the one behind it. */
  before: number;
  behind: number;
  /** Whether its first token goes on with a word of the window before. */
  within: boolean;
}

/** Whether this window is the one in which a token of it has most context; `at`: its number among the window's own. */
export function isOwned(at: number, length: number, { before, behind }: Pick<Window, 'before' | 'behind'>): boolean {
  return at >= Math.ceil(before / 2) && at < length - Math.floor(behind / 2);
}
