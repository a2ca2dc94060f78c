// What a sample of the data's texts shows before training: how many of their tokens the vocabulary does not have, and
// of which texts the JavaScript tokenizer of transformers.js, which will read them in a browser, makes other tokens.

import { Tokenizer as JavaScriptTokenizer } from '@huggingface/tokenizers';
import type { TokenizerContents } from './as-python.js';
import type { Survey } from './protocol.js';
import type { RustTokenizer } from './rust.js';

/** Of a text, in UTF-16 units: the JavaScript tokenizer may take quadratic time. */
const front = 1000;

const mostParts = 5;

export class Surveyor {
  readonly #tokenizer: RustTokenizer;
  readonly #javaScript: JavaScriptTokenizer | undefined;
  readonly #parts = new Map<string, number>();
  readonly #found = { tokens: 0, unknown: 0, unlike: 0, firstUnlike: undefined as number | undefined };

  constructor(tokenizer: RustTokenizer, { tokenizer: file, config = {} }: TokenizerContents) {
    this.#tokenizer = tokenizer;
    try {
      this.#javaScript = new JavaScriptTokenizer(file, config);
    } catch {
      // It does not know this kind of tokenizer: then every text is read otherwise.
    }
  }

  async add(index: number, text: string): Promise<void> {
    const part = text.slice(0, front).replace(/[\ud800-\udbff]$/, '');
    const { ids, unknownParts } = await this.#tokenizer.inspect(part);
    this.#found.tokens += ids.length;
    this.#found.unknown += unknownParts.length;
    for (const unknown of unknownParts) this.#parts.set(unknown, (this.#parts.get(unknown) ?? 0) + 1);
    if (sameIds(ids, this.#javaScriptIds(part))) return;
    this.#found.unlike++;
    this.#found.firstUnlike ??= index;
  }

  result(): Survey {
    const parts = [...this.#parts].sort(([, a], [, b]) => b - a).slice(0, mostParts);
    return { ...this.#found, unknownParts: parts.map(([part]) => part) };
  }

  #javaScriptIds(text: string): readonly number[] | undefined {
    try {
      return this.#javaScript?.encode(text).ids;
    } catch {
      return undefined;
    }
  }
}

const sameIds = (a: readonly number[], b: readonly number[] | undefined): boolean =>
  a.length === b?.length && a.every((id, i) => id === b[i]);
