// The fused recurrences of LSTM, GRU and RNN layers (lower/recurrent/fused.ts), and their gradients, in standard
// operators. T·B rows stand step after step; gates in the order i o f c̃ and z r n. Backpropagation through time:
// Werbos (1990).

import type { Builder } from '../../onnx/builder.js';
import { add, cast, less, mul, sub, tanh, view, where, zeros } from '../../onnx/formulas.js';
import { attrInt, type Node, type Value } from '../../onnx/graph.js';
import type { Recurrent } from '../../onnx/shapes/recurrent.js';
import type { Definition } from '../form.js';
import { type Cell, split } from '../recurrent/layer.js';
import { runSteps } from '../recurrent/unrolled.js';

type Kind = Recurrent['kind'];

const gatesOf: Record<Kind, number> = { LSTM: 4, GRU: 3, RNN: 1 };
const activationsOf = (kind: Kind, node: Node): string[] =>
  kind === 'RNN'
    ? [attrInt(node, 'relu', 0) ? 'Relu' : 'Tanh']
    : kind === 'GRU'
      ? ['Sigmoid', 'Tanh']
      : ['Sigmoid', 'Tanh', 'Tanh'];

/** What both directions are told: R is [gates·H, H], rows are of all steps. */
function sizes(b: Builder, node: Node, kind: Kind, r: Value, rows: Value): Recurrent & { reverse: boolean } {
  const steps = attrInt(node, 'steps', 1);
  const [batch, hidden] = [b.shape(rows)[0]! / steps, b.shape(r)[1]!];
  const gates = gatesOf[kind];
  const reverse = attrInt(node, 'reverse', 0) === 1;
  return {
    ...{ kind, steps, batch, hidden, gates, reverse, directions: [], clip: undefined },
    ...{ coupled: false, resetAfter: true, batchFirst: false },
  };
}

/** all, h, c, gates, cells (of a GRU R_n·h and its bias), and the states before each step. */
const recurrence =
  (kind: Kind): Definition =>
  (b, node) => {
    const [products, recurrence, lengths, h0, other] = node.inputs as [Value, Value, Value?, Value?, Value?];
    const layer = sizes(b, node, kind, recurrence, products);
    const cell: Cell = {
      ...{ layer, products, recurrence, reverse: layer.reverse, peepholes: undefined },
      activations: activationsOf(kind, node).map((name) => ({ name, alpha: 0, beta: 0 })),
      lengths: lengths || undefined,
      h0: h0 || undefined,
      c0: (kind === 'LSTM' && other) || undefined,
      resetBias: (kind === 'GRU' && other) || undefined,
    };
    const { all, h, c, kept } = runSteps(b, cell, true);
    const joined = (values: readonly (Value | undefined)[], width = layer.hidden): Value => {
      const { dtype } = b.type(products);
      const filled = values.map((v) => v ?? zeros(b, { dtype, shape: [layer.batch, width] }));
      return filled.length === 1 ? b.op('Identity', [filled[0]!]) : b.op('Concat', filled, { axis: 0 });
    };
    const gates = joined(
      kept.map((k) => k.gates),
      layer.gates * layer.hidden,
    );
    const named = (value: Value): Value => b.op('Identity', [value]);
    return [
      all,
      named(h),
      c ? named(c) : '',
      gates,
      joined(kept.map((k) => k.cells)),
      joined(kept.map((k) => k.before)),
    ];
  };

/** Of one step: the gates' gradients before activation, of R·h where that differs, and what the states before get. */
interface StepGrad {
  gates: Value[];
  recurrent?: Value[];
  h?: Value;
  c?: Value;
}

/** y' of y = σ(x) and y = tanh x, times dy. */
const throughSigmoid = (b: Builder, y: Value, dy: Value): Value => mul(b, dy, mul(b, y, sub(b, 1, y)));
const throughTanh = (b: Builder, y: Value, dy: Value): Value => mul(b, dy, sub(b, 1, mul(b, y, y)));

const recurrenceGrad =
  (kind: Kind): Definition =>
  (b, node) => {
    const [r, dall, dh, dc, lengths, c0, all, gates, cells, before] = node.inputs as [Value, ...Value[]];
    const given = sizes(b, node, kind, r, gates || all!);
    const { steps, batch, hidden, reverse } = given;
    const { dtype } = b.type(r);
    const none = zeros(b, { dtype, shape: [batch, hidden] });
    const parts = (value: Value | undefined): Value[] => (value ? split(b, value, steps) : []);
    const of = { dall: parts(dall), all: parts(all), gates: parts(gates), cells: parts(cells), before: parts(before) };
    const order = of.gates
      .concat(of.all)
      .slice(0, steps)
      .map((_, i) => i);
    if (reverse) order.reverse();
    const step = (t: number, earlier: number | undefined, dh: Value, dc: Value): StepGrad => {
      if (kind === 'RNN') {
        const y = of.all[t]!;
        const relu = () => mul(b, dh, cast(b, less(b, 0, y), dtype));
        return { gates: [attrInt(node, 'relu', 0) ? relu() : throughTanh(b, y, dh)] };
      }
      const g = split(b, of.gates[t]!, given.gates, 1) as [Value, Value, Value, Value];
      if (kind === 'GRU') {
        const [z, reset, n] = g;
        const dn = throughTanh(b, n, mul(b, dh, sub(b, 1, z)));
        const dz = throughSigmoid(b, z, mul(b, dh, sub(b, of.before[t]!, n)));
        const dr = throughSigmoid(b, reset, mul(b, dn, of.cells[t]!));
        return { gates: [dz, dr, dn], recurrent: [dz, dr, mul(b, dn, reset)], h: mul(b, dh, z) };
      }
      const [i, o, f, fresh] = g;
      const th = tanh(b, of.cells[t]!);
      const total = add(b, dc, throughTanh(b, th, mul(b, dh, o)));
      const cBefore = earlier === undefined ? c0 || none : of.cells[earlier]!;
      return {
        gates: [
          throughSigmoid(b, i, mul(b, total, fresh)),
          throughSigmoid(b, o, mul(b, dh, th)),
          throughSigmoid(b, f, mul(b, total, cBefore)),
          throughTanh(b, fresh, mul(b, total, i)),
        ],
        c: mul(b, total, f),
      };
    };
    const [ofGates, ofRecurrent]: [Value[], Value[]] = [[], []];
    let state = { h: dh || none, c: dc || none };
    for (let n = steps - 1; n >= 0; n--) {
      const t = order[n]!;
      const active = lengths && less(b, t, view(b, lengths, [batch, 1]));
      const choose = (x: Value, y: Value | number): Value => (active ? where(b, active, x, y) : x);
      const found = step(t, order[n - 1], of.dall[t] ? add(b, state.h, of.dall[t]) : state.h, state.c);
      const joined = (values: Value[]): Value =>
        choose(values.length === 1 ? values[0]! : b.op('Concat', values, { axis: 1 }), 0);
      ofGates[t] = joined(found.gates);
      ofRecurrent[t] = found.recurrent ? joined(found.recurrent) : ofGates[t];
      const through = b.op('MatMul', [ofRecurrent[t], r]);
      const h = found.h ? add(b, found.h, through) : through;
      state = { h: choose(h, state.h), c: found.c ? choose(found.c, state.c) : state.c };
    }
    const rows = (values: Value[]): Value =>
      values.length === 1 ? b.op('Identity', values) : b.op('Concat', values, { axis: 0 });
    return [rows(ofGates), rows(ofRecurrent), b.op('Identity', [state.h]), b.op('Identity', [state.c])];
  };

export const recurrences: Readonly<Record<string, Definition>> = {
  'ortune.LSTM': recurrence('LSTM'),
  'ortune.GRU': recurrence('GRU'),
  'ortune.RNN': recurrence('RNN'),
  'ortune.LSTMGrad': recurrenceGrad('LSTM'),
  'ortune.GRUGrad': recurrenceGrad('GRU'),
  'ortune.RNNGrad': recurrenceGrad('RNN'),
};
