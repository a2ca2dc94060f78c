// LSTM, GRU and RNN: what their attributes say, read and checked once for the type rules, the definitions and the fused
// kernels, and the types of their outputs. What a file may say but nothing here computes is refused by name.
// T steps, B sequences, D directions, H hidden units. Gates stand in the specification's order: i o f c, z r h.

import { quote, shown } from '../../quote.js';
import type { StaticType } from '../graph.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';

/** f(x), with the numbers that the function takes. */
export interface Activation {
  readonly name: string;
  readonly alpha: number;
  readonly beta: number;
}

export interface Direction {
  /** From the last step to the first. */
  readonly reverse: boolean;
  /** f g h of an LSTM, f g of a GRU, f of an RNN. */
  readonly activations: readonly Activation[];
}

export interface Recurrent {
  readonly kind: Kind;
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  readonly gates: number;
  readonly directions: readonly Direction[];
  /** Bound of what activations are taken of; undefined: none. */
  readonly clip: number | undefined;
  /** The forget gate of an LSTM is 1 minus the input gate. */
  readonly coupled: boolean;
  /** A GRU multiplies by its reset gate behind the product with R, as PyTorch does, and not before it. */
  readonly resetAfter: boolean;
  /** X is [B, T, …], states are [B, D, H] and Y is [B, T, D, H]. */
  readonly batchFirst: boolean;
}

type Kind = 'LSTM' | 'GRU' | 'RNN';

const kinds: Readonly<Record<Kind, { gates: number; activations: readonly string[] }>> = {
  LSTM: { gates: 4, activations: ['Sigmoid', 'Tanh', 'Tanh'] },
  GRU: { gates: 3, activations: ['Sigmoid', 'Tanh'] },
  RNN: { gates: 1, activations: ['Tanh'] },
};

/**
 * Default alpha and beta of those that take them; null: it must be said, since the specification names none or the
 * runtime another (0).
 */
const activations: Readonly<Record<string, readonly (number | null)[]>> = {
  Relu: [],
  Tanh: [],
  Sigmoid: [],
  Softsign: [],
  Softplus: [],
  LeakyRelu: [0.01],
  ThresholdedRelu: [null],
  Elu: [1],
  Affine: [null, 0],
  ScaledTanh: [null, null],
  HardSigmoid: [0.2, 0.5],
};
const names = new Map(Object.keys(activations).map((name) => [name.toLowerCase(), name]));

const kindOf = (c: TypeContext): Kind => c.node.op as Kind;

/** What the node says. @throws ModelError for what it must not say, and for inputs whose shapes do not fit. */
export function recurrentOf(c: TypeContext): Recurrent {
  const kind = kindOf(c);
  const { gates } = kinds[kind];
  const batchFirst = c.int('layout', 0) === 1;
  const [x, w, r] = [c.shape(0), c.shape(1), c.shape(2)];
  if (x.length !== 3 || w.length !== 3 || r.length !== 3)
    c.fail(`X [${x}], W [${w}] and R [${r}] must have three axes each`);
  const [steps, batch] = (batchFirst ? [x[1], x[0]] : x) as [number, number];
  const hidden = r[2]!;
  if (steps < 1 || hidden < 1) c.fail(`X [${x}] and R [${r}] have no steps or no hidden units`);
  const directions = directionsOf(c, kind);
  const stated = c.int('hidden_size', hidden);
  if (stated !== hidden) c.fail(`hidden_size is ${stated}, but R is [${r}]`);
  const d = directions.length;
  const state = batchFirst ? [batch, d, hidden] : [d, batch, hidden];
  const rows = gates * hidden;
  const expected = [x, [d, rows, x[2]!], [d, rows, hidden], [d, 2 * rows], [batch], state, state, [d, 3 * hidden]];
  for (const [i, shape] of expected.entries())
    if (c.has(i) && c.shape(i).join() !== shape.join())
      c.fail(`input ${i} is [${c.shape(i)}], expected [${shape}] for ${hidden} hidden units`);
  c.node.inputs.forEach((name, i) => {
    if (name && i !== 4 && c.dtype(i) !== c.dtype(0)) c.fail(`input ${i} is ${c.dtype(i)}, expected ${c.dtype(0)}`);
  });
  const clip = c.node.attrs.get('clip');
  if (clip && !(Number(clip.value) > 0)) c.fail(`clip is ${Number(clip.value)}, expected a number above 0`);
  return {
    ...{ kind, steps, batch, hidden, gates, directions, batchFirst },
    clip: clip && Number.isFinite(Number(clip.value)) ? Number(clip.value) : undefined,
    coupled: kind === 'LSTM' && c.int('input_forget', 0) !== 0,
    resetAfter: kind === 'GRU' && c.int('linear_before_reset', 0) !== 0,
  };
}

/** Which of the directions are reversed. */
const orders: ReadonlyMap<string, readonly boolean[]> = new Map([
  ['forward', [false]],
  ['reverse', [true]],
  ['bidirectional', [false, true]],
]);

function directionsOf(c: TypeContext, kind: Kind): Direction[] {
  const direction = String(c.node.attrs.get('direction')?.value ?? 'forward');
  const reverse = orders.get(direction);
  if (!reverse) c.fail(`direction is ${quote(direction)}, expected forward, reverse or bidirectional`);
  const defaults = kinds[kind].activations;
  const given = c.node.attrs.get('activations')?.value as readonly string[] | undefined;
  const named = given?.length ? given : reverse.flatMap(() => defaults);
  if (named.length !== reverse.length * defaults.length)
    c.fail(`${named.length} activations, expected ${defaults.length} for each of ${reverse.length} directions`);
  const [alphas, betas] = ['activation_alpha', 'activation_beta'].map((name) => [
    ...((c.node.attrs.get(name)?.value ?? []) as readonly number[]),
  ]) as [number[], number[]];
  // Each number goes to the next function that takes one.
  const all = named.map((text) => {
    const name = names.get(text.toLowerCase());
    if (name === undefined)
      c.fail(`activation ${quote(text)} is not supported; expected one of ${[...names.values()].join(', ')}`);
    const take = (from: number[], i: number): number => {
      if (activations[name]!.length <= i) return 0;
      const value = from.shift() ?? activations[name]![i];
      return value ?? c.fail(`${shown(name)} needs a number in activation_${i === 0 ? 'alpha' : 'beta'}`);
    };
    return { name, alpha: take(alphas, 0), beta: take(betas, 1) };
  });
  if (alphas.length + betas.length > 0)
    c.fail(`${alphas.length} of activation_alpha and ${betas.length} of activation_beta are more than ${named} take`);
  return reverse.map((r, i) => ({
    reverse: r,
    activations: all.slice(i * defaults.length, (i + 1) * defaults.length),
  }));
}

/** Y of all steps, Y_h and, of an LSTM, Y_c of the last. */
const recurrent: TypeRule = (c) => {
  const { kind, steps, batch, hidden, directions, batchFirst } = recurrentOf(c);
  const d = directions.length;
  const { dtype } = c.type(0);
  const state: StaticType = { dtype, shape: batchFirst ? [batch, d, hidden] : [d, batch, hidden] };
  const all = { dtype, shape: batchFirst ? [batch, steps, d, hidden] : [steps, d, batch, hidden] };
  return kind === 'LSTM' ? [all, state, state] : [all, state];
};

/** all, h, c, gates, cells and the states before each step, of rows that stand step after step. */
const recurrence: TypeRule = (c) => {
  const [rows, gates] = c.shape(0) as [number, number];
  const hidden = c.shape(1)[1]!;
  const steps = c.int('steps', 0);
  if (steps < 1 || rows % steps !== 0) c.fail(`${rows} rows are not ${steps} steps`);
  const [value, state] = [
    [rows, hidden],
    [rows / steps, hidden],
  ];
  return [value, state, state, [rows, gates], value, value].map((shape) => ({ dtype: c.dtype(0), shape }));
};

/** Of the products, of R·h, of h0 and of c0. */
const recurrenceGrad: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const kept = c.shape(c.has(7) ? 7 : 6);
  const all = { dtype, shape: [kept[0]!, shape[0]!] };
  const state = { dtype, shape: [kept[0]! / c.int('steps', 1), shape[1]!] };
  return [all, all, state, state];
};

/** Fused recurrences of one direction, of the domain ortune. */
export const recurrences: TypeTable = {
  ...{ LSTM: recurrence, GRU: recurrence, RNN: recurrence },
  ...{ LSTMGrad: recurrenceGrad, GRUGrad: recurrenceGrad, RNNGrad: recurrenceGrad },
};

export const recurrentLayers: TypeTable = { LSTM: recurrent, GRU: recurrent, RNN: recurrent };
