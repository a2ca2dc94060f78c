// LSTM, GRU and RNN in standard operators, step by step: what their gradients follow from, and what devices without a
// fused kernel run. The formulas are the specification's (onnx.ai/onnx/operators, LSTM, GRU, RNN). Where a sequence has
// ended, or a reversed one has not begun, its state stands still and its output is 0.

import { bytesPerNode, checkBytes } from '../../onnx/budget.js';
import { type Builder, float } from '../../onnx/builder.js';
import { add, less, mul, sub, tanh, transposeMatrix, view, where } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { type Activation, type Recurrent, recurrentOf } from '../../onnx/shapes/recurrent.js';
import type { Definition } from '../form.js';
import { type Cell, type CellOutputs, layer, split } from './layer.js';

/** States [B, H]; undefined: zeros. */
interface State {
  h: Value | undefined;
  c: Value | undefined;
}

/** The states behind a step from its products, [B, gates·H], and the states before it. */
type Step = (products: Value, before: State) => Taken;
interface Taken {
  h: Value;
  c?: Value;
  /** Activated, side by side. */
  gates: () => Value;
  /** R·h of a GRU's last gate, and its bias. */
  term?: Value | undefined;
}

/** What the fused recurrences keep of a step: its gates, C of an LSTM or the term of a GRU, and H before it. */
interface Kept {
  gates: Value;
  cells: Value | undefined;
  before: Value | undefined;
}

/** About as many as a step and its gradient take, padding included. */
const nodesPerStep = { LSTM: 50, GRU: 40, RNN: 15 };

const unroll: Definition = (b, node) => {
  const r = recurrentOf(new TypeContext(b.graph, node));
  const nodes = r.steps * r.directions.length * nodesPerStep[r.kind];
  const what = `its ${r.steps} steps, written out as ${nodes} nodes where the device has no kernel for them,`;
  checkBytes(node, what, nodes * bytesPerNode, b.graph.maxBytes);
  return layer(b, node, runSteps);
};

/** @param keep whether `kept` is wanted, of each step */
export function runSteps(b: Builder, cell: Cell, keep = false): CellOutputs & { kept: Kept[] } {
  const { steps, batch, hidden } = cell.layer;
  const products = split(b, cell.products, steps);
  const step = steppers[cell.layer.kind](b, cell);
  const outputs: Value[] = [];
  const kept: Kept[] = [];
  let state: State = { h: cell.h0, c: cell.c0 };
  const order = products.map((_, i) => i);
  for (const t of cell.reverse ? order.reverse() : order) {
    const taken = step(products[t]!, state);
    let next: State & { h: Value } = { h: taken.h, c: taken.c };
    let y = next.h;
    if (cell.lengths) {
      const active = less(b, t, view(b, cell.lengths, [batch, 1]));
      const held = (after: Value, before: Value | undefined): Value => where(b, active, after, before ?? 0);
      y = where(b, active, next.h, 0);
      next = { h: held(next.h, state.h), c: next.c && held(next.c, state.c) };
    }
    outputs[t] = y;
    if (keep) kept[t] = { gates: taken.gates(), cells: next.c ?? taken.term, before: state.h };
    state = next;
  }
  const all = steps === 1 ? view(b, outputs[0]!, [batch, hidden]) : b.op('Concat', outputs, { axis: 0 });
  return { all, h: state.h!, ...(state.c && { c: state.c }), kept };
}

/** What a value is a term of where it is not zero. */
const plus = (b: Builder, x: Value, y: Value | undefined): Value => (y ? add(b, x, y) : x);

/** i, o, f and c̃; C' = f·C + i·c̃; H' = o·h(C'). */
function lstm(b: Builder, { layer: r, activations, recurrence, peepholes }: Cell): Step {
  const [f, g, h] = activations as [Activation, Activation, Activation];
  const right = transposeMatrix(b, recurrence);
  const [pi, po, pf] = peepholes ? split(b, peepholes, 3) : [];
  return (products, before) => {
    const gates = plus(b, products, before.h && b.op('MatMul', [before.h, right]));
    const [zi, zo, zf, zc] = split(b, gates, 4, 1) as [Value, Value, Value, Value];
    const peep = (z: Value, p: Value | undefined, c: Value | undefined): Value =>
      activate(b, r, f, plus(b, z, p && c && mul(b, p, c)));
    const i = peep(zi, pi, before.c);
    const forget = (): Value => (r.coupled ? sub(b, 1, i) : peep(zf, pf, before.c));
    const fresh = activate(b, r, g, zc);
    const c = plus(b, mul(b, i, fresh), before.c && mul(b, forget(), before.c));
    const o = peep(zo, po, c);
    return { h: mul(b, o, apply(b, h, c)), c, gates: () => beside(b, [i, o, forget(), fresh]) };
  };
}

/** z, r and h̃, the reset before or behind the product with H; H' = (1 − z)·h̃ + z·H. */
function gru(b: Builder, { layer: r, activations, recurrence, resetBias }: Cell): Step {
  const { hidden, resetAfter } = r;
  const [f, g] = activations as [Activation, Activation];
  const sizes = b.ints([2 * hidden, hidden]);
  const right = transposeMatrix(b, recurrence);
  const halves = (value: Value): Value[] => b.ops('Split', [value, sizes], { axis: 1 }, { outputs: 2 });
  const [rightGates, rightNew] = resetAfter ? [] : halves(right);
  return (products, { h }) => {
    const [forGates, forNew] = halves(products) as [Value, Value];
    const together = resetAfter && h ? halves(b.op('MatMul', [h, right])) : undefined;
    const ofGates = together ? together[0] : h && b.op('MatMul', [h, rightGates!]);
    const [z, reset] = split(b, activate(b, r, f, plus(b, forGates, ofGates)), 2, 1) as [Value, Value];
    const mix = (n: Value): Value => plus(b, mul(b, sub(b, 1, z), n), h && mul(b, z, h));
    if (!resetAfter) {
      const n = activate(b, r, g, plus(b, forNew, h && b.op('MatMul', [mul(b, reset, h), rightNew!])));
      return { h: mix(n), gates: () => beside(b, [z, reset, n]) };
    }
    const term = together ? plus(b, together[1]!, resetBias) : resetBias;
    const n = activate(b, r, g, plus(b, forNew, term && mul(b, reset, term)));
    return { h: mix(n), gates: () => beside(b, [z, reset, n]), term };
  };
}

function rnn(b: Builder, { layer: r, activations, recurrence }: Cell): Step {
  const right = transposeMatrix(b, recurrence);
  return (products, before) => {
    const h = activate(b, r, activations[0]!, plus(b, products, before.h && b.op('MatMul', [before.h, right])));
    return { h, gates: () => h };
  };
}

const beside = (b: Builder, values: Value[]): Value => b.op('Concat', values, { axis: 1 });

const steppers = { LSTM: lstm, GRU: gru, RNN: rnn };

/** An activation of what is clipped before. */
function activate(b: Builder, { clip }: Recurrent, f: Activation, x: Value): Value {
  if (clip === undefined) return apply(b, f, x);
  const { dtype } = b.type(x);
  return apply(b, f, b.op('Clip', [x, b.scalar(dtype, -clip), b.scalar(dtype, clip)]));
}

function apply(b: Builder, { name, alpha, beta }: Activation, x: Value): Value {
  if (name === 'Affine') return add(b, mul(b, x, alpha), beta);
  if (name === 'ScaledTanh') return mul(b, tanh(b, mul(b, x, beta)), alpha);
  const attrs: Record<string, { alpha?: number; beta?: number }> = {
    ...{ LeakyRelu: { alpha }, ThresholdedRelu: { alpha }, Elu: { alpha }, HardSigmoid: { alpha, beta } },
  };
  const named = Object.entries(attrs[name] ?? {}).map(([key, value]) => [key, float(value)] as const);
  return b.op(name, [x], Object.fromEntries(named));
}

/** By operator. */
export const unrolled = { LSTM: unroll, GRU: unroll, RNN: unroll } as const satisfies Record<string, Definition>;
