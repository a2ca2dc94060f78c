// Figures of outputs that are tensors against their targets: errors of numbers, and how often a class or a label is
// right.

import { ratio } from '../../metrics/classification.js';
import { Errors } from '../../metrics/errors.js';
import type { TensorLoss } from '../losses/named.js';

type Numbers = ArrayLike<number | bigint>;

/** Sums over samples, added one sample at a time. */
interface Figures {
  add(output: Numbers, target: Numbers): void;
  result(): Record<string, number>;
}

/** Names of the figures of a kind. */
export const figureNames = {
  errors: ['mae', 'rmse', 'r2'],
  classes: ['accuracy'],
  labels: ['accuracy'],
  none: [],
} as const satisfies Record<TensorLoss['figures'], readonly string[]>;

/** Share of the places whose likeliest class is the target; outputs are [classes, …places] a sample. */
class Classes implements Figures {
  #hits = 0;
  #places = 0;

  add(output: Numbers, target: Numbers): void {
    const places = target.length;
    const classes = output.length / places;
    for (let i = 0; i < places; i++) {
      const wanted = Number(target[i]);
      if (wanted < 0) continue;
      let top = 0;
      for (let c = 1; c < classes; c++) if (Number(output[c * places + i]) > Number(output[top * places + i])) top = c;
      this.#places++;
      if (top === wanted) this.#hits++;
    }
  }

  result = (): Record<string, number> => ({ accuracy: ratio(this.#hits, this.#places) });
}

/** Share of the labels that are predicted correctly: a positive logit is a yes, a target of more than one half too. */
class Labels implements Figures {
  #hits = 0;
  #count = 0;

  add(output: Numbers, target: Numbers): void {
    for (let i = 0; i < output.length; i++) if (Number(output[i]) > 0 === Number(target[i]) > 0.5) this.#hits++;
    this.#count += output.length;
  }

  result = (): Record<string, number> => ({ accuracy: ratio(this.#hits, this.#count) });
}

const none: Figures = { add: () => undefined, result: () => ({}) };

export const figuresOf: Record<TensorLoss['figures'], () => Figures> = {
  errors: () => new Errors(),
  classes: () => new Classes(),
  labels: () => new Labels(),
  none: () => none,
};
