// Gradients of scattering: updates that replace, are added to, multiply or bound what they meet. Where several meet at
// one place, PyTorch's scatter_reduce says who gets the gradient: extrema share it among all that attain them, the
// element that was there included, and a product's goes to each as the product of the others.
// Rows (ScatterND) are taken as elements of a table [rows, columns], because the runtime's ScatterND adds in any order.

import type { Builder } from '../../onnx/builder.js';
import { cast, div, equal, expand, less, mul, sub, view, where, zeros } from '../../onnx/formulas.js';
import { attrInt, attrString, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { elementCount } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';
import { rowNumbers } from './indexing.js';

/** The scattering as one of elements along an axis: x, index and updates, and their like in that form. */
interface Elements {
  readonly axis: number;
  readonly x: Value;
  readonly index: Value;
  readonly updates: Value;
  /** A value of the shape of x in this form. */
  readonly like: (value: Value) => Value;
}

/** The last axis of the index holds positions along the first `depth` axes of x: one row number. */
function rowsOf({ b, x }: RuleContext): Elements {
  const [data, index, updates] = x as [Value, Value, Value];
  const shape = b.shape(data);
  const depth = b.shape(index).at(-1)!;
  const dims = shape.slice(0, depth);
  const row = rowNumbers(b, index, dims);
  const [rows, columns, count] = [elementCount(dims), elementCount(shape.slice(depth)), elementCount(b.shape(row))];
  const like = (value: Value): Value => view(b, value, [rows, columns]);
  return {
    axis: 0,
    x: like(data),
    index: expand(b, view(b, row, [count, 1]), [count, columns]),
    updates: view(b, updates, [count, columns]),
    like,
  };
}

const elementsOf = (c: RuleContext): Elements =>
  c.once('elements', () => {
    if (c.node.op === 'ScatterND') return rowsOf(c);
    const [x, index, updates] = c.x as [Value, Value, Value];
    return { axis: attrInt(c.node, 'axis', 0), x, index, updates, like: (value) => value };
  });

function reductionOf({ b, node }: RuleContext): string {
  const reduction = attrString(node, 'reduction', 'none');
  if (!['none', 'add', 'mul', 'max', 'min'].includes(reduction))
    new TypeContext(b.graph, node).fail(`reduction ${quote(reduction)} is none of none, add, mul, max, min`);
  return reduction;
}

const scattered = (b: Builder, e: Elements, into: Value, updates: Value, reduction: string): Value =>
  b.op('ScatterElements', [into, e.index, updates], { axis: e.axis, reduction });
const gathered = (b: Builder, e: Elements, from: Value): Value =>
  b.op('GatherElements', [from, e.index], { axis: e.axis });

/** Who attains the extremum, as 1 and 0, and the gradient of each that does. */
function extremum(c: RuleContext, dy: Value) {
  const { b, y } = c;
  return c.once('extremum', () => {
    const e = elementsOf(c);
    const { dtype } = b.type(dy);
    const result = e.like(y[0]!);
    const [own, each] = [
      cast(b, equal(b, e.x, result), dtype),
      cast(b, equal(b, e.updates, gathered(b, e, result)), dtype),
    ];
    return { own, each, share: div(b, e.like(dy), scattered(b, e, own, each, 'add')) };
  });
}

/** The product of all factors of each place but the zeros, and how many zeros it has. */
function product(c: RuleContext) {
  const { b } = c;
  return c.once('product', () => {
    const e = elementsOf(c);
    const { dtype } = b.type(e.x);
    const isZero = (value: Value): Value => equal(b, value, 0);
    const [own, each] = [isZero(e.x), isZero(e.updates)];
    const counts = scattered(b, e, cast(b, own, dtype), cast(b, each, dtype), 'add');
    const [x, updates] = [where(b, own, 1, e.x), where(b, each, 1, e.updates)];
    return { own, each, counts, x, updates, rest: scattered(b, e, x, updates, 'mul') };
  });
}

/** rest / factor, where no other factor is 0. */
function others(b: Builder, rest: Value, factor: Value, isZero: Value, zerosThere: Value): Value {
  const elsewhere = sub(b, zerosThere, cast(b, isZero, b.type(factor).dtype));
  return where(b, less(b, 0, elsewhere), 0, div(b, rest, factor));
}

const scatter: InputRule = (c, dy) => {
  const { b, x } = c;
  const reduction = reductionOf(c);
  if (reduction === 'add') return dy;
  if (reduction === 'none') {
    // That the runtime's ScatterND races on repeated places does no harm: all it writes are zeros.
    const none = zeros(b, b.type(x[2]!));
    if (c.node.op === 'ScatterND') return b.op('ScatterND', [dy, x[1]!, none]);
    return b.op('ScatterElements', [dy, x[1]!, none], { axis: attrInt(c.node, 'axis', 0) });
  }
  if (reduction !== 'mul') {
    const { own, share } = extremum(c, dy);
    return view(b, mul(b, own, share), b.shape(x[0]!));
  }
  const p = product(c);
  const factors = others(b, p.rest, p.x, p.own, p.counts);
  return view(b, mul(b, elementsOf(c).like(dy), factors), b.shape(x[0]!));
};

const scatterUpdates: InputRule = (c, dy) => {
  const { b, x } = c;
  const reduction = reductionOf(c);
  const e = elementsOf(c);
  const back = (value: Value): Value => view(b, value, b.shape(x[2]!));
  if (reduction === 'none' || reduction === 'add') return back(gathered(b, e, e.like(dy)));
  if (reduction !== 'mul') {
    const { each, share } = extremum(c, dy);
    return back(mul(b, each, gathered(b, e, share)));
  }
  const p = product(c);
  const factors = others(b, gathered(b, e, p.rest), p.updates, p.each, gathered(b, e, p.counts));
  return back(mul(b, gathered(b, e, e.like(dy)), factors));
};

export const scattering: RuleTable = {
  ScatterElements: [scatter, null, scatterUpdates],
  ScatterND: [scatter, null, scatterUpdates],
};
