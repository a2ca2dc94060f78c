// The gradient of Einsum, by Transpose, MatMul and ReduceSum alone. With y = Σ a·b·… over the labels that y lacks, the
// gradient of one operand is the sum of dy times all the others over the labels that this operand lacks; labels that
// only it had were summed plainly, so its gradient is repeated along them.

import type { Builder } from '../../onnx/builder.js';
import { expand, indices, mul, sum, transpose, view } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { equationOf, labelSizes } from '../../onnx/shapes/einsum.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { RuleContext, RuleTable } from './context.js';

/** A value with one label per axis, none twice. */
interface Labelled {
  value: Value;
  labels: readonly string[];
}

const sizeOf = (b: Builder, { value, labels }: Labelled, label: string): number =>
  b.shape(value)[labels.indexOf(label)]!;

/** The axes in this order of labels (a subset: the others are summed). */
function arranged(b: Builder, x: Labelled, order: readonly string[]): Labelled {
  const gone = indices(x.labels.length).filter((i) => !order.includes(x.labels[i]!));
  const labels = x.labels.filter((l) => order.includes(l));
  const value = gone.length > 0 ? sum(b, x.value, gone, false) : x.value;
  return {
    value: transpose(
      b,
      value,
      order.map((l) => labels.indexOf(l)),
    ),
    labels: order,
  };
}

/** Ones along the diagonal of two axes of a tensor of this rank. */
function diagonal(b: Builder, like: Value, size: number, rank: number, [i, j]: readonly [number, number]): Value {
  const eye = indices(size * size).map((at) => +(at % (size + 1) === 0));
  const shape = indices(rank).map((axis) => (axis === i || axis === j ? size : 1));
  return b.constant(Tensor.of(b.type(like).dtype, eye, shape));
}

/** A label that stands twice takes the diagonal of its axes; axes of 1 that broadcast to more are dropped. */
function operand(b: Builder, value: Value, given: readonly string[], sizes: ReadonlyMap<string, number>): Labelled {
  let [x, labels] = [value, [...given]];
  for (let i = 0; i < labels.length; ) {
    const shape = b.shape(x);
    const twin = labels.indexOf(labels[i]!, i + 1);
    if (twin > 0) {
      x = sum(b, mul(b, x, diagonal(b, x, shape[i]!, shape.length, [i, twin])), [twin], false);
      labels = labels.toSpliced(twin, 1);
    } else if (shape[i] === 1 && sizes.get(labels[i]!) !== 1) {
      x = view(b, x, shape.toSpliced(i, 1));
      labels = labels.toSpliced(i, 1);
    } else i++;
  }
  return { value: x, labels };
}

/** Σ p·q over the labels outside `kept`, as one MatMul [batch, rows, inner] · [batch, inner, columns]. */
function contract(b: Builder, p: Labelled, q: Labelled, kept: ReadonlySet<string>): Labelled {
  const both = p.labels.filter((l) => q.labels.includes(l));
  const batch = both.filter((l) => kept.has(l));
  const inner = both.filter((l) => !kept.has(l));
  const own = (x: Labelled): string[] => x.labels.filter((l) => !both.includes(l) && kept.has(l));
  const [rows, columns] = [own(p), own(q)];
  const sizes = (x: Labelled, labels: readonly string[]): number[] => labels.map((l) => sizeOf(b, x, l));
  const matrix = (x: Labelled, left: readonly string[], right: readonly string[]): Value =>
    view(b, arranged(b, x, [...batch, ...left, ...right]).value, [
      ...sizes(x, batch),
      elementCount(sizes(x, left)),
      elementCount(sizes(x, right)),
    ]);
  const product = b.op('MatMul', [matrix(p, rows, inner), matrix(q, inner, columns)]);
  const shape = [...sizes(p, batch), ...sizes(p, rows), ...sizes(q, columns)];
  return { value: view(b, product, shape), labels: [...batch, ...rows, ...columns] };
}

function operandGrad({ b, node, x }: RuleContext, input: number, dy: Value): Value {
  const c = new TypeContext(b.graph, node);
  const equation = equationOf(c);
  const sizes = labelSizes(c, equation);
  const shape = b.shape(x[input]!);
  const given = equation.operands[input]!;

  const others = x.flatMap((value, i) => (i === input ? [] : [operand(b, value, equation.operands[i]!, sizes)]));
  // Along an axis of 1 that broadcasts, the gradient is a sum like any other.
  const wanted = [...new Set(given.filter((l, axis) => shape[axis] !== 1 || sizes.get(l) === 1))];
  let total: Labelled = { value: dy, labels: equation.output };
  for (const [i, other] of others.entries()) {
    const later = others.slice(i + 1).flatMap((o) => o.labels);
    total = contract(b, total, other, new Set([...wanted, ...later]));
  }
  const reached = wanted.filter((l) => total.labels.includes(l));
  const { value } = arranged(b, total, reached);
  return repeat(b, value, reached, given, shape);
}

/** Gives a gradient the operand's axes: repeated along labels it lacks, on the diagonal where a label stands twice. */
function repeat(
  b: Builder,
  g: Value,
  labels: readonly string[],
  given: readonly string[],
  shape: readonly number[],
): Value {
  const order = [...labels].sort((p, q) => given.indexOf(p) - given.indexOf(q));
  const sorted = arranged(b, { value: g, labels }, order).value;
  const first = (axis: number): boolean => given.indexOf(given[axis]!) === axis;
  const apart = shape.map((d, axis) => (first(axis) && labels.includes(given[axis]!) ? d : 1));
  let full = expand(b, view(b, sorted, apart), shape);
  for (const [axis, label] of given.entries())
    if (!first(axis)) full = mul(b, full, diagonal(b, full, shape[axis]!, shape.length, [given.indexOf(label), axis]));
  return full;
}

export const einsum: RuleTable = { Einsum: { variadic: operandGrad } };
