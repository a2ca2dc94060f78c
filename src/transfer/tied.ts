// Weights that an exporter folded arithmetic into: what it multiplies by w transposed, or by 1 − w, it writes as a
// tensor of its own, which trained apart would drift from w. Where the bytes prove it, that tensor becomes an operator
// of w again; saving writes both.

import type { Graph, Node, Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { isOfModule } from './weights.js';

/** A tensor of the file that follows from a weight: its last two axes swapped, or 1 − w. */
export interface Derived {
  name: Value;
  form: 'transposed' | 'complement';
}

/** What follows from so few different numbers may be equal by chance: identities, ones and zeros. */
const distinctNumbers = 16;

/**
 * Puts an operator, in place, where a tensor among `weights` follows from another of them.
 * @returns for each weight the tensors that now follow it
 */
export function tieDerived(graph: Graph, weights: Iterable<Value>): Map<Value, Derived[]> {
  const names = [...weights];
  const groups = new Map<string, Value[]>();
  for (const name of names) {
    const key = keyOf(graph.initializers.get(name)!);
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const isTable = tablesOf(graph);
  // What words are looked up in comes first: the others are its copies. Then what has a name.
  const rank = (name: Value): number => (isTable(name) ? 0 : isOfModule(name) ? 1 : 2);
  const tied = new Map<Value, Derived[]>();
  const used = new Set<Value>();
  for (const first of names.toSorted((a, b) => rank(a) - rank(b))) {
    if (used.has(first)) continue;
    const weight = graph.initializers.get(first)!;
    for (const name of groups.get(keyOf(weight))!) {
      if (name === first || used.has(name) || tied.has(name)) continue;
      const form = formOf(weight, graph.initializers.get(name)!, isTable(first), isOfModule(name));
      if (!form) continue;
      used.add(name);
      graph.initializers.delete(name);
      graph.nodes.unshift(nodeOf(graph, first, name, form));
      tied.set(first, [...(tied.get(first) ?? []), { name, form }]);
    }
  }
  return tied;
}

function formOf(x: Tensor, y: Tensor, isTable: boolean, isNamed: boolean): Derived['form'] | undefined {
  const swapped = follows(y, x.shape.length > 1 ? swappedShape(x.shape) : [], placesSwapped(x.shape), x, (v) => v);
  if (swapped && (isTable || isVaried(x))) return 'transposed';
  // A weight with a name of its own is one.
  const complement =
    !isNamed &&
    follows(
      y,
      x.shape,
      (i) => i,
      x,
      (v) => Math.fround(1 - v),
    );
  return complement && isVaried(x) ? 'complement' : undefined;
}

/** Whether element `place(i)` of y is what `f` makes of element i of x. */
function follows(
  y: Tensor,
  shape: readonly number[],
  place: (i: number) => number,
  x: Tensor,
  f: (v: number) => number,
): boolean {
  if (y.dtype !== x.dtype || y.shape.join() !== shape.join()) return false;
  const [from, to] = [x.data() as Float32Array, y.data() as Float32Array];
  for (let i = 0; i < from.length; i++) if (to[place(i)] !== f(from[i]!)) return false;
  return true;
}

function isVaried(tensor: Tensor): boolean {
  const seen = new Set<number>();
  for (const v of tensor.data() as Float32Array) if (seen.add(v).size >= distinctNumbers) return true;
  return false;
}

function nodeOf(graph: Graph, weight: Value, name: Value, form: Derived['form']): Node {
  const node = { name: `/tied/${name}`, domain: '', outputs: [name] };
  const { dtype, shape } = graph.initializers.get(weight)!;
  if (form === 'transposed') {
    const axes = shape.map((_, axis) => axis);
    const perm = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
    return { ...node, op: 'Transpose', inputs: [weight], attrs: new Map([['perm', { kind: 'ints', value: perm }]]) };
  }
  const one = `/tied/${dtype}/one`;
  graph.initializers.set(one, Tensor.scalar(dtype, 1));
  return { ...node, op: 'Sub', inputs: [one, weight], attrs: new Map() };
}

function tablesOf(graph: Graph): (name: Value) => boolean {
  const consumers = graph.consumers();
  return (name) =>
    (consumers.get(name) ?? []).some(
      ({ op, domain, inputs }) => op === 'Gather' && domain === '' && inputs[0] === name,
    );
}

const keyOf = ({ dtype, shape }: Tensor): string => `${dtype} ${shape.toSorted((a, b) => a - b)}`;

const swappedShape = (shape: readonly number[]): number[] => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];

/** Where an element stands when the last two axes are swapped. */
function placesSwapped(shape: readonly number[]): (i: number) => number {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  return (i) => {
    const [matrix, rest] = [Math.floor(i / (rows * columns)), i % (rows * columns)];
    return matrix * rows * columns + (rest % columns) * rows + Math.floor(rest / columns);
  };
}

/** The values of a tensor that follows from a weight. */
export function derivedTensor(weight: Tensor, form: Derived['form']): Tensor {
  const from = weight.data() as Float32Array;
  const to = from.slice();
  if (form === 'complement') {
    for (let i = 0; i < from.length; i++) to[i] = 1 - from[i]!;
    return Tensor.view(weight.dtype, weight.shape, to);
  }
  const place = placesSwapped(weight.shape);
  for (let i = 0; i < from.length; i++) to[place(i)] = from[i]!;
  return Tensor.view(weight.dtype, swappedShape(weight.shape), to);
}
