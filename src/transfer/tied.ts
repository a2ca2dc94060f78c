// Weights that an exporter folded arithmetic into: what it multiplies by w transposed, by 1 − w or by w with rows of
// norm 1, it writes as a tensor of its own, which trained apart would drift from w. Where the bytes prove it, that
// tensor becomes operators of w again; saving writes both. Where they only suggest it, it is said.

import type { Graph, Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import { type Arithmetic, arithmeticOf, computed, writeArithmetic } from './arithmetic.js';
import { isOfModule } from './weights.js';

/** What was made of a weight: its arithmetic, then another shape, then its last two axes swapped. */
export interface Form {
  arithmetic?: Arithmetic;
  shape?: readonly number[];
  transposed: boolean;
}

/** A tensor of the file that follows from a weight. */
export interface Derived extends Form {
  name: Value;
}

/** A tensor that looks like one, and the weight that it is trained apart from. */
export interface Apart {
  name: Value;
  weight: Value;
}

export interface Tied {
  /** For each weight the tensors that now follow it. */
  derived: Map<Value, Derived[]>;
  apart: Apart[];
}

/** What follows from so few different numbers may be equal by chance: identities, ones and zeros. */
const distinctNumbers = 16;

/** Puts operators, in place, where a tensor among `weights` follows from another of them. */
export function tieDerived(graph: Graph, weights: Iterable<Value>): Tied {
  const names = [...weights];
  const groups = new Map<string, Value[]>();
  for (const name of names) {
    const key = keyOf(graph.initializers.get(name)!);
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const isTable = tablesOf(graph);
  // What words are looked up in comes first: the others are its copies. Then what has a name.
  const rank = (name: Value): number => (isTable(name) ? 0 : isOfModule(name) ? 1 : 2);
  const derived = new Map<Value, Derived[]>();
  const apart: Apart[] = [];
  const used = new Set<Value>();
  for (const first of names.toSorted((a, b) => rank(a) - rank(b))) {
    const weight = graph.initializers.get(first);
    if (used.has(first) || !weight) continue;
    const varied = isVaried(weight);
    for (const name of groups.get(keyOf(weight))!) {
      if (name === first || used.has(name) || derived.has(name)) continue;
      const form = formOf(weight, graph.initializers.get(name)!, isTable(first) || varied, varied);
      if (!form) continue;
      // A weight with a name of its own is one.
      if (form === 'rows' || ((form.arithmetic || form.shape) && isOfModule(name))) {
        if (!apart.some((one) => one.name === first && one.weight === name)) apart.push({ name, weight: first });
        continue;
      }
      used.add(name);
      graph.initializers.delete(name);
      writeArithmetic(graph, {
        weight: first,
        name,
        ...form,
        ...(form.transposed && { permute: swapLast((form.shape ?? weight.shape).map((_, axis) => axis)) }),
      });
      derived.set(first, [...(derived.get(first) ?? []), { name, ...form }]);
    }
  }
  return { derived, apart: apart.filter(({ name, weight }) => !used.has(name) && !used.has(weight)) };
}

/** What to say of tensors that stay apart. */
export const apartNotes = (apart: readonly Apart[]): string[] =>
  apart.map(
    ({ name, weight }) =>
      `${quote(name)} looks as if it was computed of ${quote(weight)}; they are trained apart, since nothing proves that they are one weight`,
  );

/**
 * @param moved whether x holds enough for its transpose to be no chance
 * @param varied the same for other arithmetic
 */
function formOf(x: Tensor, y: Tensor, moved: boolean, varied: boolean): Form | 'rows' | undefined {
  if (y.dtype !== x.dtype || y.size !== x.size) return undefined;
  const ways = [false, true].flatMap((transposed) => {
    if (transposed && y.shape.length < 2) return [];
    const shape = transposed ? swapLast(y.shape) : y.shape;
    const reshaped = shape.join() !== x.shape.join();
    return [{ place: transposed ? placesSwapped(shape) : undefined, transposed, ...(reshaped && { shape }) }];
  });
  for (const { place = (i: number) => i, ...form } of ways)
    if ((form.transposed || form.shape) && (form.shape ? varied : moved) && isMoved(x, y, place)) return form;
  if (!varied) return undefined;
  let found: Form | 'rows' | undefined;
  for (const { place, ...form } of ways) {
    const arithmetic = arithmeticOf(x, y, place);
    // Layers may begin as copies of one another, and part.
    const isEqual =
      arithmetic !== 'rows' && arithmetic?.op === 'affine' && arithmetic.factor === 1 && arithmetic.shift === 0;
    if (arithmetic === 'rows' || isEqual) found = 'rows';
    else if (arithmetic) return { arithmetic, ...form };
  }
  return found;
}

/** Whether element `place(i)` of y is element i of x. */
function isMoved(x: Tensor, y: Tensor, place: (i: number) => number): boolean {
  const [from, to] = [x.data() as Float32Array, y.data() as Float32Array];
  for (let i = 0; i < from.length; i++) if (to[place(i)] !== from[i]) return false;
  return true;
}

function isVaried(tensor: Tensor): boolean {
  const seen = new Set<number>();
  for (const v of tensor.data() as Float32Array) if (seen.add(v).size >= distinctNumbers) return true;
  return false;
}

function tablesOf(graph: Graph): (name: Value) => boolean {
  const consumers = graph.consumers();
  return (name) =>
    (consumers.get(name) ?? []).some(
      ({ op, domain, inputs }) => op === 'Gather' && domain === '' && inputs[0] === name,
    );
}

const keyOf = ({ dtype, size }: Tensor): string => `${dtype} ${size}`;

/** A list with its last two swapped. */
const swapLast = (list: readonly number[]): number[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];

/** Where an element stands when the last two axes are swapped. */
function placesSwapped(shape: readonly number[]): (i: number) => number {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  return (i) => {
    const [matrix, rest] = [Math.floor(i / (rows * columns)), i % (rows * columns)];
    return matrix * rows * columns + (rest % columns) * rows + Math.floor(rest / columns);
  };
}

/** The values of a tensor that follows from a weight. */
export function derivedTensor(weight: Tensor, { arithmetic, shape, transposed }: Form): Tensor {
  const tensor = arithmetic ? computed(weight, arithmetic) : weight;
  const reshaped = shape ? tensor.part(tensor.dtype, shape) : tensor;
  return transposed ? transposedTensor(reshaped) : reshaped;
}

/** The last two axes swapped. */
export function transposedTensor(tensor: Tensor): Tensor {
  const from = tensor.data() as Float32Array;
  const to = from.slice();
  const place = placesSwapped(tensor.shape);
  for (let i = 0; i < from.length; i++) to[place(i)] = from[i]!;
  return Tensor.view(tensor.dtype, swapLast(tensor.shape), to);
}
