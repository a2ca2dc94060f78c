// What an exporter computes of a weight and writes beside it: multiples of it, 1 − w, rows of it at a norm or a
// deviation of 1. Found from the bytes of the two tensors: every element must be the one that the formula gives, to the
// rounding of sums. Norms: Salimans and Kingma, Weight Normalization, 2016; standardised filters: Qiao et al., 2019.

import { types } from 'node:util';
import type { Graph, Node, Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';

export type Arithmetic =
  /** factor · x + shift */
  | { op: 'affine'; factor: number; shift: number }
  /** gain · (x − m) / √(mean((x − m)²) + epsilon) over `axes`, m the mean over them if `centred`, else 0. */
  | { op: 'normalised'; axes: readonly number[]; centred: boolean; gain: number; epsilon: number };

/** The parts of a tensor that are computed with together, each of `length` elements. */
interface Rows {
  axes: readonly number[];
  count: number;
  length: number;
  /** The row of element i. */
  of(i: number): number;
  /** Where element j of the first row stands. */
  first(j: number): number;
}

/** All of it, what belongs to each index of one axis, and what lies along one axis. */
function waysToSplit(shape: readonly number[]): Rows[] {
  const size = shape.reduce((n, d) => n * d, 1);
  const every = shape.map((_, axis) => axis);
  const ways: Rows[] = [{ axes: every, count: 1, length: size, of: () => 0, first: (j) => j }];
  for (const [axis, d] of shape.entries()) {
    const inner = shape.slice(axis + 1).reduce((n, e) => n * e, 1);
    if (d === 1 || d === size) continue;
    const others = every.filter((a) => a !== axis);
    const outside = (j: number): number => Math.floor(j / inner) * inner * d + (j % inner);
    ways.push(
      { axes: others, count: d, length: size / d, of: (i) => Math.floor(i / inner) % d, first: outside },
      {
        axes: [axis],
        count: size / d,
        length: d,
        of: (i) => Math.floor(i / (d * inner)) * inner + (i % inner),
        first: (j) => j * inner,
      },
    );
  }
  return ways;
}

/** Rows y = factor · x + shift, and what the law of the factors is of: the means of x and of its squares about them. */
interface Fit {
  factor: Float64Array;
  shift: Float64Array;
  mean: Float64Array;
  square: Float64Array;
}

type Numbers = Float32Array | Float64Array;

/** How far an element may be from the formula, of the row's largest: sums in float32, or numbers of 16 bits. */
function toleranceOf(y: Numbers): number {
  if (!types.isFloat32Array(y)) return 4e-6;
  let used = 0;
  for (const bits of new Uint32Array(y.buffer, y.byteOffset, y.length)) used |= bits;
  return (used & 0xffff) === 0 ? 2 ** -7 : (used & 0x1fff) === 0 ? 2 ** -9 : 4e-6;
}

const looked = 16;

/** Whether the beginning of the first row allows for y = factor · x (+ shift). */
function mayFit(x: Numbers, y: (i: number) => number, rows: Rows, centred: boolean, tolerance: number): boolean {
  const places = Array.from({ length: Math.min(looked, rows.length) }, (_, j) => rows.first(j));
  const byValue = places.toSorted((i, j) => x[i]! - x[j]!);
  const [low, high] = [byValue[0]!, byValue.at(-1)!];
  const largest = Math.abs(x[low]!) > Math.abs(x[high]!) ? low : high;
  const factor = centred ? (y(high) - y(low)) / (x[high]! - x[low]!) : y(largest) / x[largest]!;
  const shift = centred ? y(low) - factor * x[low]! : 0;
  const scale = Math.max(...places.map((i) => Math.abs(y(i))));
  return places.every((i) => !(Math.abs(factor * x[i]! + shift - y(i)) > 8 * tolerance * scale));
}

function fitRows(x: Numbers, y: Numbers, rows: Rows, centred: boolean, tolerance: number): Fit | undefined {
  const made = (): Float64Array => new Float64Array(rows.count);
  const [low, high] = [made().fill(-1), made().fill(-1)];
  const [factor, shift, mean, square, scale] = [made(), made(), made(), made(), made()];
  for (let i = 0; i < x.length; i++) {
    const r = rows.of(i);
    if (low[r] === -1 || x[i]! < x[low[r]!]!) low[r] = i;
    if (high[r] === -1 || x[i]! > x[high[r]!]!) high[r] = i;
    mean[r]! += x[i]! / rows.length;
    scale[r] = Math.max(scale[r]!, Math.abs(y[i]!));
  }
  if (!centred) mean.fill(0);
  for (let i = 0; i < x.length; i++) {
    const r = rows.of(i);
    square[r]! += (x[i]! - mean[r]!) ** 2 / rows.length;
  }
  for (let r = 0; r < rows.count; r++) {
    const [from, to] = [low[r]!, high[r]!];
    const largest = Math.abs(x[from]!) > Math.abs(x[to]!) ? from : to;
    factor[r] = centred ? (y[to]! - y[from]!) / (x[to]! - x[from]!) : y[largest]! / x[largest]!;
    if (!Number.isFinite(factor[r]!) || factor[r] === 0) return undefined;
    shift[r] = centred ? y[from]! - factor[r]! * x[from]! : 0;
  }
  for (let i = 0; i < x.length; i++) {
    const r = rows.of(i);
    if (Math.abs(factor[r]! * x[i]! + shift[r]! - y[i]!) > tolerance * scale[r]!) return undefined;
  }
  return { factor, shift, mean, square };
}

/** A number that was meant: what is not quite this one by the rounding is this one. */
const snapped = (value: number, tolerance: number, ...meant: number[]): number =>
  meant.find((m) => Math.abs(value - m) <= tolerance * Math.max(1e-3, Math.abs(m))) ?? value;

/** The law by which the factors follow from the rows: 1 / factor² is (square + epsilon) / gain². */
function lawOf(fit: Fit, rows: Rows, centred: boolean, tolerance: number): Arithmetic | undefined {
  const { factor, square } = fit;
  const inverse = (r: number): number => 1 / factor[r]! ** 2;
  let [least, most] = [0, 0];
  for (let r = 0; r < rows.count; r++) {
    if (!(factor[r]! > 0)) return undefined;
    if (square[r]! < square[least]!) least = r;
    if (square[r]! > square[most]!) most = r;
  }
  const spread = (square[most]! - square[least]!) / square[most]!;
  const slope = spread > 1e-3 ? (inverse(most) - inverse(least)) / (square[most]! - square[least]!) : Number.NaN;
  const found = inverse(most) / slope - square[most]!;
  const epsilon = found > (20 * tolerance * square[most]!) / spread ? found : 0;
  const usual = [1, 1 / Math.sqrt(rows.length), Math.sqrt((rows.length - 1) / rows.length)];
  const gain = snapped(factor[most]! * Math.sqrt(square[most]! + epsilon), 4 * tolerance, ...usual);
  // One row says nothing of a law, unless the factor is one that nobody would multiply by.
  if (rows.count === 1 && !usual.includes(gain)) return undefined;
  for (let r = 0; r < rows.count; r++)
    if (Math.abs((factor[r]! * Math.sqrt(square[r]! + epsilon)) / gain - 1) > 4 * tolerance) return undefined;
  return { op: 'normalised', axes: rows.axes, centred, gain, epsilon };
}

/**
 * How y follows from x, of one shape and type; 'rows' if each row is a multiple of x's for which no law is known.
 * @param place where element i of x stands in y, if not in its place
 */
export function arithmeticOf(x: Tensor, y: Tensor, place?: (i: number) => number): Arithmetic | 'rows' | undefined {
  const [from, given] = [x.data() as Numbers, y.data() as Numbers];
  const at = place ? (i: number) => given[place(i)]! : (i: number) => given[i]!;
  const ways = waysToSplit(x.shape).flatMap((rows) => [false, true].map((centred) => ({ rows, centred })));
  const fitting = (among: typeof ways, tolerance: number) =>
    among.filter(({ rows, centred }) => rows.length > (centred ? 3 : 2) && mayFit(from, at, rows, centred, tolerance));
  const roughly = fitting(ways, 2 ** -7);
  if (roughly.length === 0) return undefined;
  const tolerance = toleranceOf(given);
  const possible = fitting(roughly, tolerance);
  if (possible.length === 0) return undefined;
  const to = place ? given.map((_, i) => at(i)) : given;
  let multiples = false;
  for (const { rows, centred } of possible) {
    const fit = fitRows(from, to, rows, centred, tolerance);
    if (!fit) continue;
    const law = lawOf(fit, rows, centred, tolerance) ?? (rows.count === 1 ? affine(fit, tolerance) : undefined);
    if (law && proves(x, to, law, tolerance)) return law;
    multiples ||= !centred && rows.length >= looked;
  }
  return multiples ? 'rows' : undefined;
}

function affine({ factor, shift }: Fit, tolerance: number): Arithmetic {
  const whole = [-2, -1, 0, 1, 2];
  return {
    op: 'affine',
    factor: snapped(factor[0]!, tolerance, ...whole),
    shift: snapped(shift[0]!, tolerance, ...whole),
  };
}

function proves(x: Tensor, y: Numbers, law: Arithmetic, tolerance: number): boolean {
  const found = computed(x, law).data() as Numbers;
  let scale = 0;
  for (const v of y) scale = Math.max(scale, Math.abs(v));
  return found.every((v, i) => Math.abs(v - y[i]!) <= 4 * tolerance * scale);
}

/** What the arithmetic makes of x. */
export function computed(x: Tensor, of: Arithmetic): Tensor {
  const from = x.data() as Numbers;
  if (of.op === 'affine')
    return Tensor.view(
      x.dtype,
      x.shape,
      from.map((v) => of.factor * v + of.shift),
    );
  const rows = waysToSplit(x.shape).find(({ axes }) => axes.join() === of.axes.join())!;
  const [mean, square] = [new Float64Array(rows.count), new Float64Array(rows.count)];
  if (of.centred) for (let i = 0; i < from.length; i++) mean[rows.of(i)]! += from[i]! / rows.length;
  for (let i = 0; i < from.length; i++) square[rows.of(i)]! += (from[i]! - mean[rows.of(i)]!) ** 2 / rows.length;
  const factor = square.map((v) => of.gain / Math.sqrt(v + of.epsilon));
  return Tensor.view(
    x.dtype,
    x.shape,
    from.map((v, i) => factor[rows.of(i)]! * (v - mean[rows.of(i)]!)),
  );
}

/**
 * The arithmetic as nodes in front of the graph's.
 * @param shape of what it gives, if another
 * @param permute also the transposition of that, if any
 */
export function writeArithmetic(
  graph: Graph,
  {
    weight,
    name,
    arithmetic: of,
    shape,
    permute,
  }: { weight: Value; name: Value; arithmetic?: Arithmetic; shape?: readonly number[]; permute?: readonly number[] },
): void {
  const { dtype } = graph.initializers.get(weight)!;
  const nodes: Node[] = [];
  const constant = (stem: string, tensor: Tensor): Value => {
    graph.initializers.set(`/tied/${name}/${stem}`, tensor);
    return `/tied/${name}/${stem}`;
  };
  const number = (stem: string, value: number): Value => constant(stem, Tensor.scalar(dtype, value));
  const node = (op: string, inputs: Value[], attrs: Node['attrs'] = new Map()): Value => {
    const path = `/tied/${name}/${op}_${nodes.length}`;
    nodes.push({ name: path, op, domain: '', inputs, outputs: [path], attrs });
    return path;
  };
  let y = weight;
  if (of?.op === 'affine') {
    if (of.factor !== 1) y = node('Mul', [y, number('factor', of.factor)]);
    if (of.shift !== 0) y = node('Add', [y, number('shift', of.shift)]);
  } else if (of) {
    const axes = constant('axes', Tensor.of('int64', [...of.axes]));
    if (of.centred) y = node('Sub', [y, node('ReduceMean', [y, axes])]);
    const mean = node('ReduceMean', [node('Mul', [y, y]), axes]);
    const root = node('Sqrt', [of.epsilon > 0 ? node('Add', [mean, number('epsilon', of.epsilon)]) : mean]);
    y = node('Div', [y, root]);
    if (of.gain !== 1) y = node('Mul', [y, number('gain', of.gain)]);
  }
  if (shape) y = node('Reshape', [y, constant('shape', Tensor.of('int64', [...shape]))]);
  if (permute) node('Transpose', [y], new Map([['perm', { kind: 'ints', value: [...permute] }]]));
  nodes.at(-1)!.outputs = [name];
  graph.nodes.unshift(...nodes);
}
