// What is made of the windows of long texts, gathered until a text is whole. Windows come in any order, since batches
// take those of like length together.

import { partOf } from '../data/text/windows.js';
import type { MeasuredBatch } from './task.js';

export class WholeTexts<T extends object> {
  readonly #waiting = new Map<number, T[]>();

  /** Takes in that of row `row`; of all windows of its text, in their order, where this was the last. */
  add({ slices }: Pick<MeasuredBatch, 'slices'>, row: number, made: T): T[] | undefined {
    const part = partOf(slices, row);
    if (!part) return [made];
    const parts = this.#waiting.get(part.text) ?? [];
    parts[part.window] = made;
    this.#waiting.set(part.text, parts);
    if (parts.filter(Boolean).length < part.windows) return undefined;
    this.#waiting.delete(part.text);
    return parts;
  }
}
