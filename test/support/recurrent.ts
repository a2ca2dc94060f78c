// Recurrent layers as one node of a graph, in the forms that a file may have: sizes, attributes, which operands.

import type { AttrInput } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';

export interface RecurrentForm {
  op: 'LSTM' | 'GRU' | 'RNN';
  what: string;
  attrs?: Record<string, AttrInput>;
  /** Default 4 steps of 3 sequences, 2 numbers wide, and 3 hidden units. */
  sizes?: { steps?: number; batch?: number; input?: number; hidden?: number };
  bias?: boolean;
  lengths?: readonly number[];
  /** Initial states. */
  states?: boolean;
  peepholes?: boolean;
}

const gatesOf = { LSTM: 4, GRU: 3, RNN: 1 };

/** Names of activations for every direction. */
const forBoth = (attrs: Record<string, AttrInput>, names: readonly string[]): readonly string[] =>
  attrs.direction === 'bidirectional' ? [...names, ...names] : names;
export const activations = (names: readonly string[], attrs: Record<string, AttrInput> = {}) => ({
  ...attrs,
  activations: forBoth(attrs, names),
});

/** The node's inputs, normal numbers of half the size where they are operands. */
export function inputsOf(form: RecurrentForm, seed = 3): (Tensor | undefined)[] {
  const { steps = 4, batch = 3, input = 2, hidden = 3 } = form.sizes ?? {};
  const { direction, layout } = form.attrs ?? {};
  const d = direction === 'bidirectional' ? 2 : 1;
  const gates = gatesOf[form.op];
  let stream = 0;
  const random = (shape: number[]): Tensor => {
    const count = shape.reduce((n, a) => n * a, 1);
    return Tensor.of(
      'float32',
      Float32Array.from(normals(seed, ++stream, count), (v) => v * 0.6),
      shape,
    );
  };
  const state = layout === 1 ? [batch, d, hidden] : [d, batch, hidden];
  const all = [
    random(layout === 1 ? [batch, steps, input] : [steps, batch, input]),
    random([d, gates * hidden, input]),
    random([d, gates * hidden, hidden]),
    form.bias === false ? undefined : random([d, 2 * gates * hidden]),
    form.lengths && Tensor.of('int32', form.lengths),
    form.states ? random(state) : undefined,
    form.states && form.op === 'LSTM' ? random(state) : undefined,
    form.peepholes ? random([d, 3 * hidden]) : undefined,
  ];
  while (all.at(-1) === undefined) all.pop();
  return all;
}

/** The node with all its outputs; the runtime's kernels want to be told the hidden size. */
export const caseOf = (form: RecurrentForm) => ({
  op: form.op,
  inputs: inputsOf(form),
  attrs: { hidden_size: form.sizes?.hidden ?? 3, ...form.attrs },
  outputs: form.op === 'LSTM' ? 3 : 2,
});
