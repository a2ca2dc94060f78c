// Word and character error rates: insertions, deletions and substitutions that make a reference of a text, over the
// words or characters of all references (Levenshtein). Nothing is normalised: case and punctuation count.

import { editDistance } from '../../edit-distance.js';
import { splitWords } from './words.js';

/** A word is what stands between white space, a character a code point, white space among them. */
export class ErrorRate {
  readonly #units: (text: string) => string[];
  #edits = 0;
  #length = 0;

  constructor(of: 'words' | 'characters') {
    this.#units = of === 'words' ? splitWords : (text) => [...text];
  }

  /** @param references at least one; the one that the fewest edits make of it counts */
  add(text: string, references: readonly string[]): void {
    const units = this.#units(text);
    const compared = references.map((reference) => {
      const others = this.#units(reference);
      return { edits: editDistance(units, others), length: others.length };
    });
    const best = compared.reduce((a, b) => (b.edits < a.edits ? b : a));
    this.#edits += best.edits;
    this.#length += best.length;
  }

  /**
   * 0 for texts that are the references, above 1 for longer ones; 1 where all references are empty and a text is not.
   */
  get rate(): number {
    if (this.#length === 0) return Number(this.#edits > 0);
    return this.#edits / this.#length;
  }
}
