// Output types of operators that move elements: reshaping, transposing, slicing, gathering, joining.

import { elementCount } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';
import { einsum } from './einsum.js';
import { resize } from './resize.js';

/** ONNX Reshape: 0 copies the input's dimension (unless allowzero), one −1 is inferred. */
const reshape: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const wanted = c.values(1);
  const allowZero = c.int('allowzero', 0) !== 0;
  const out = wanted.map((d, i) =>
    d === 0 && !allowZero ? (shape[i] ?? c.fail(`shape [${wanted}] copies dimension ${i} of [${shape}]`)) : d,
  );
  const size = elementCount(shape);
  const hole = out.indexOf(-1);
  if (hole >= 0) out[hole] = size / -elementCount(out);
  if (elementCount(out) !== size || !out.every(Number.isInteger)) c.fail(`cannot reshape [${shape}] to [${wanted}]`);
  return [{ dtype, shape: out }];
};

const flatten: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const axis = c.int('axis', 1);
  const at = axis < 0 ? axis + shape.length : axis;
  return [{ dtype, shape: [elementCount(shape.slice(0, at)), elementCount(shape.slice(at))] }];
};

const transpose: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const perm = c.ints('perm') ?? shape.map((_, i) => shape.length - 1 - i);
  if (perm.length !== shape.length || new Set(perm).size !== perm.length)
    c.fail(`perm [${perm}] does not fit the shape [${shape}]`);
  return [{ dtype, shape: perm.map((p) => shape[p] ?? c.fail(`perm [${perm}] does not fit the shape [${shape}]`)) }];
};

const squeeze: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  if (!c.has(1)) return [{ dtype, shape: shape.filter((d) => d !== 1) }];
  const axes = new Set(c.values(1).map((a) => c.axis(a, shape.length)));
  for (const a of axes) if (shape[a] !== 1) c.fail(`axis ${a} of [${shape}] is not 1`);
  return [{ dtype, shape: shape.filter((_, i) => !axes.has(i)) }];
};

const unsqueeze: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const rank = shape.length + c.values(1).length;
  const axes = new Set(c.values(1).map((a) => c.axis(a, rank)));
  const rest = [...shape];
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : rest.shift()!)) }];
};

const gather: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const axis = c.axis(c.int('axis', 0), shape.length);
  return [{ dtype, shape: [...shape.slice(0, axis), ...c.shape(1), ...shape.slice(axis + 1)] }];
};

const gatherND: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const indices = c.shape(1);
  const depth = indices.at(-1) ?? c.fail('indices are a scalar');
  return [{ dtype, shape: [...indices.slice(0, -1), ...shape.slice(c.int('batch_dims', 0) + depth)] }];
};

/** Start, end and step per axis of a Slice, clamped as the operator says; the output has `length` elements. */
export interface SliceRange {
  axis: number;
  start: number;
  step: number;
  length: number;
}

export function sliceRanges(c: TypeContext): SliceRange[] {
  const shape = c.shape(0);
  const starts = c.values(1);
  const ends = c.values(2);
  const axes = c.has(3) ? c.values(3) : starts.map((_, i) => i);
  const steps = c.has(4) ? c.values(4) : starts.map(() => 1);
  return starts.map((given, i) => {
    const axis = c.axis(axes[i]!, shape.length);
    const dim = shape[axis]!;
    const step = steps[i]!;
    if (step === 0) c.fail('a step is 0');
    const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + dim : v, low), high);
    const start = step > 0 ? clamp(given, 0, dim) : clamp(given, 0, dim - 1);
    const end = step > 0 ? clamp(ends[i]!, 0, dim) : clamp(ends[i]!, -1, dim - 1);
    return { axis, start, step, length: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

const slice: TypeRule = (c) => {
  const shape = [...c.shape(0)];
  for (const { axis, length } of sliceRanges(c)) shape[axis] = length;
  return [{ dtype: c.dtype(0), shape }];
};

const split: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const axis = c.axis(c.int('axis', 0), shape.length);
  const dim = shape[axis]!;
  const count = c.int('num_outputs', c.node.outputs.length);
  const chunk = Math.ceil(dim / count);
  const sizes = c.has(1)
    ? c.values(1)
    : Array.from({ length: count }, (_, i) => Math.max(0, Math.min(chunk, dim - i * chunk)));
  if (elementCount([sizes.reduce((a, b) => a + b, 0)]) !== dim) c.fail(`parts [${sizes}] do not add up to ${dim}`);
  return sizes.map((size) => ({ dtype, shape: shape.with(axis, size) }));
};

const concat: TypeRule = (c) => {
  const first = c.shape(0);
  const axis = c.axis(c.int('axis', 0), first.length);
  let total = 0;
  for (let i = 0; i < c.node.inputs.length; i++) {
    const shape = c.shape(i);
    if (shape.length !== first.length || shape.some((d, j) => j !== axis && d !== first[j]))
      c.fail(`cannot join [${first}] and [${shape}] along axis ${axis}`);
    total += shape[axis]!;
  }
  return [{ dtype: c.sameDtype(), shape: first.with(axis, total) }];
};

const tile: TypeRule = (c) => {
  const repeats = c.values(1);
  return [{ dtype: c.dtype(0), shape: c.shape(0).map((d, i) => d * (repeats[i] ?? c.fail(`repeats [${repeats}]`))) }];
};

const pad: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const pads = c.values(1);
  const axes = c.has(3) ? c.values(3).map((a) => c.axis(a, shape.length)) : shape.map((_, i) => i);
  const out = [...shape];
  for (const [i, axis] of axes.entries()) out[axis]! += pads[i]! + pads[i + axes.length]!;
  return [{ dtype, shape: out }];
};

/** The block size that divides both spatial axes by itself (or multiplies them), and channels the other way. */
const blockSize = (c: TypeContext): number => {
  const size = c.int('blocksize', 0);
  if (size < 1 || c.shape(0).length !== 4) c.fail(`a block of ${size} does not fit an input [${c.shape(0)}]`);
  return size;
};

const depthToSpace: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const b = blockSize(c);
  const [n, channels, h, w] = shape as [number, number, number, number];
  if (channels % (b * b)) c.fail(`${channels} channels do not split into blocks of ${b}x${b}`);
  return [{ dtype, shape: [n, channels / (b * b), h * b, w * b] }];
};

const spaceToDepth: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const b = blockSize(c);
  const [n, channels, h, w] = shape as [number, number, number, number];
  if (h % b || w % b) c.fail(`an image of ${h}x${w} does not split into blocks of ${b}x${b}`);
  return [{ dtype, shape: [n, channels * b * b, h / b, w / b] }];
};

export const layout: TypeTable = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Gather: gather,
  GatherElements: (c) => [{ dtype: c.dtype(0), shape: c.shape(1) }],
  GatherND: gatherND,
  ScatterElements: (c) => [c.type(0)],
  ScatterND: (c) => [c.type(0)],
  Slice: slice,
  Split: split,
  Concat: concat,
  Expand: (c) => [{ dtype: c.dtype(0), shape: c.broadcast(c.shape(0), c.values(1)) }],
  Tile: tile,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Resize: resize,
  Einsum: einsum,
};
