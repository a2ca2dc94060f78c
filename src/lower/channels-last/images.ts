// The two layouts of a value while a graph is rewritten: [N, C, H, W] under the name that the graph has for it, and
// [N, H, W, C]. Either may be missing and is made at its first use; what is not used is never made. Values with one
// place per image, or one channel, are the same elements in both layouts.

import type { Builder } from '../../onnx/builder.js';
import { view } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';

/** Axis of [N, H, W, C] for each axis of [N, C, H, W]. */
export const axisLast = [0, 3, 1, 2] as const;
const toLast = [0, 2, 3, 1];

export class Images {
  readonly b: Builder;
  /** Channels-last values by the name of the other. */
  readonly #last = new Map<Value, Value>();
  /** Names of [N, C, H, W] that no node computes yet. */
  readonly #owed = new Set<Value>();

  constructor(b: Builder) {
    this.b = b;
  }

  isImage(value: Value): boolean {
    return this.b.shape(value).length === 4;
  }

  /** Whether the value exists channels-last alone. */
  has(value: Value): boolean {
    return this.#owed.has(value);
  }

  /** Says that `last` is the value under another layout, and that nothing computes the value itself. */
  set(value: Value, last: Value): void {
    this.#last.set(value, last);
    this.#owed.add(value);
  }

  /** The channels-last form. */
  last(value: Value): Value {
    const known = this.#last.get(value);
    if (known) return known;
    const [n, c, h, w] = this.b.shape(value) as [number, number, number, number];
    const same = h * w === 1 || c === 1;
    const made = same
      ? view(this.b, value, [n, h, w, c])
      : this.b.op('Transpose', [value], { perm: toLast }, { name: `${value}.last` });
    this.#last.set(value, made);
    return made;
  }

  /** Makes the value itself where it is owed. */
  pay(value: Value): void {
    if (!this.#owed.delete(value)) return;
    const last = this.#last.get(value)!;
    const shape = this.b.shape(value);
    const same = elementCount(shape.slice(2)) === 1 || shape[1] === 1;
    const name = this.b.unique(`${value}.first`);
    const node = { name, domain: '', outputs: [value] };
    if (same) this.b.append({ ...node, op: 'Reshape', inputs: [last, this.b.ints(shape)], attrs: new Map() });
    else
      this.b.append({
        ...node,
        op: 'Transpose',
        inputs: [last],
        attrs: new Map([['perm', { kind: 'ints', value: axisLast }]]),
      });
  }

  /** Values that are still owed at the end have no type any more. */
  forget(): void {
    for (const value of this.#owed) this.b.graph.types.delete(value);
  }
}
