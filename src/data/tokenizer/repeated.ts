// Long texts that occur again: a small compressed table may hold one text of megabytes for thousands of rows, and
// tokenising it for each would take hours. What the last ones became is kept and given again.

import type { Encoded } from './encoded.js';
import type { Failed } from './protocol.js';

type Text = readonly [text: string, pair: string];

/** Characters from which a text is long, and of how many the results are kept. */
const longFrom = 4096;
const mostKept = 2 ** 22;

export class RepeatedTexts {
  /** By text and pair, the oldest first. */
  readonly #kept = new Map<string, Encoded | Failed>();
  #characters = 0;

  /**
   * What the texts become, in their order; an answer may stand for several of them and is not to be changed.
   * @param ask tokenises some texts; those of one call differ, as far as they are long
   * @param failed where `ask` rejects with the number of one of its texts, `failed` gets that of the whole list
   */
  async each(
    texts: readonly Text[],
    ask: (texts: readonly Text[]) => Promise<readonly (Encoded | Failed)[]>,
    failed: (error: unknown, place: (item: number) => number) => never,
  ): Promise<(Encoded | Failed)[]> {
    // The length says where the pair begins, whatever characters there are.
    const keys = texts.map(([text, pair]) =>
      text.length + pair.length < longFrom ? undefined : `${text.length} ${text}${pair}`,
    );
    const first = new Map<string, number>();
    const asked: number[] = [];
    for (const [i, key] of keys.entries()) {
      if (key === undefined) asked.push(i);
      else if (!this.#kept.has(key) && !first.has(key)) {
        first.set(key, i);
        asked.push(i);
      }
    }
    const answers = await ask(asked.map((i) => texts[i]!)).catch((error) => failed(error, (item) => asked[item]!));
    const found = new Map(asked.map((i, at) => [i, answers[at]!]));
    const all = keys.map((key, i) => found.get(i) ?? this.#kept.get(key!) ?? found.get(first.get(key!)!)!);
    for (const [key, i] of first) this.#keep(key, found.get(i)!);
    return all;
  }

  #keep(key: string, answer: Encoded | Failed): void {
    this.#kept.set(key, answer);
    this.#characters += key.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#characters <= mostKept || oldest === key) break;
      this.#kept.delete(oldest);
      this.#characters -= oldest.length;
    }
  }
}
