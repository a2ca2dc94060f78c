// What a graph is fed for a batch: the batch's tensors, the numbers that its loss is divided by, and what the engine
// adds. Whole numbers are narrowed for devices, into arrays that are kept for the next batch of the shape.

import type { GraphValue } from '../compile/protocol.js';
import { ModelError } from '../errors.js';
import { elementCount } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import { sharedTensor } from '../runtime/arena.js';
import type { BoundTensor, TensorView } from '../runtime/session.js';
import type { EngineBatch, Normalisers } from './engine.js';

/** @throws ModelError for an input that the batch does not have */
export function inputOf({ inputs }: EngineBatch, name: string): TensorView {
  const view = inputs.get(name);
  if (!view) throw new ModelError(`The model needs an input ${quote(name)}, which this task does not feed.`);
  return view;
}

/** The same numbers in the graph's shape. @throws ModelError where it takes another number of them */
function fitting(view: TensorView, name: string, shape: readonly number[]): TensorView {
  if (String(view.shape) === String(shape)) return view;
  if (elementCount(view.shape) !== elementCount(shape))
    throw new ModelError(
      `${quote(name)} of the batch has the shape [${view.shape.join(', ')}], and the training graph takes [${shape.join(', ')}]: ` +
        'the data do not fit the outputs of the model',
    );
  return { ...view, shape };
}

export class GraphInputs {
  readonly #normalisers = new Map<string, TensorView>();
  readonly #narrowed = new Map<string, TensorView>();

  /** By the graph's inputs; `own` and the normalisers go before the batch. A scalar that neither has is 1. */
  inputs(
    wanted: readonly GraphValue[],
    batch: EngineBatch,
    normalisers: Normalisers,
    own: ReadonlyMap<string, BoundTensor>,
  ): Map<string, BoundTensor> {
    return new Map(
      wanted.map(({ name, dtype, shape }): [string, BoundTensor] => {
        const known = own.get(name);
        if (known) return [name, known];
        const divides = normalisers[name] ?? (shape.length === 0 && !batch.inputs.has(name) ? 1 : undefined);
        if (divides !== undefined) return [name, this.#normaliser(name, divides)];
        const view = fitting(inputOf(batch, name), name, shape);
        return [name, dtype === 'int32' && view.dtype === 'int64' ? this.#narrow(name, view) : view];
      }),
    );
  }

  #normaliser(name: string, value: number): TensorView {
    const view = this.#normalisers.get(name) ?? sharedTensor('float32', []);
    this.#normalisers.set(name, view);
    view.data[0] = value;
    return view;
  }

  #narrow(name: string, { shape, data }: TensorView): TensorView {
    const key = `${name} [${shape}]`;
    const view = this.#narrowed.get(key) ?? sharedTensor('int32', shape);
    this.#narrowed.set(key, view);
    for (const [i, value] of (data as BigInt64Array).entries()) view.data[i] = Number(value);
    return view;
  }
}
