// Gradients of operators that read each output element from fixed places along one axis at a time: Resize, Pad, and the
// exchange of space and channels. All of them are linear, so the gradient reads the same places backwards.

import type { Builder } from '../../onnx/builder.js';
import { indices, inverse, mul, type PaddedAxis, pad, sum, transpose, view, zeros } from '../../onnx/formulas.js';
import { attrInt, attrString, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { type ResizedAxis, resizedAxes, resizeWeights } from '../../onnx/shapes/resize.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';
import { gatherBack } from './indexing.js';

/**
 * y = R·x along each axis, so dx = Rᵀ·dy along each. Where every element was only repeated (nearest, by a whole factor)
 * the product is a sum over the repeats.
 */
const resize: InputRule = ({ b, node }, dy) => {
  const c = new TypeContext(b.graph, node);
  let dx = dy;
  for (const resized of resizedAxes(c)) {
    const weights = resizeWeights(c, resized);
    const repeats = resized.out / resized.from;
    if (repeats === 1 && repeated(weights, resized, 1)) continue;
    const shape = b.shape(dx);
    const { axis, from, out } = resized;
    const [pre, post] = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis + 1))];
    const whole = Number.isInteger(repeats) && repeated(weights, resized, repeats);
    const back = whole
      ? sum(b, view(b, dx, [pre, from, repeats, post]), [2], false)
      : b.op('MatMul', [transposed(b, weights, resized, dx), view(b, dx, [pre, out, post])]);
    dx = view(b, back, shape.with(axis, from));
  }
  return dx;
};

/** Whether output element i is input element ⌊i / repeats⌋. */
const repeated = (weights: Float64Array, { from }: ResizedAxis, repeats: number): boolean =>
  weights.every((w, i) => w === (Math.floor(Math.floor(i / from) / repeats) === i % from ? 1 : 0));

/** Rᵀ [in, out] as a constant of the gradient's element type. */
function transposed(b: Builder, weights: Float64Array, { from, out }: ResizedAxis, like: Value): Value {
  const values = Float64Array.from(weights, (_, i) => weights[(i % out) * from + Math.floor(i / out)]!);
  return b.constant(Tensor.of(b.type(like).dtype, values, [from, out]));
}

/** The positions of an axis of length d that a padded axis reads, by mode. */
const sources: Readonly<Record<string, (i: number, d: number) => number>> = {
  edge: (i, d) => Math.min(Math.max(i, 0), d - 1),
  wrap: (i, d) => ((i % d) + d) % d,
  reflect: (i, d) => {
    const period = Math.max(1, 2 * (d - 1));
    const at = ((i % period) + period) % period;
    return at < d ? at : period - at;
  },
};

/** Constant padding is undone by padding with the opposite numbers; other modes read elements of x again. */
const padding: InputRule = (c, dy) => {
  const { b, node, x } = c;
  const shape = b.shape(x[0]!);
  const parts = padsOf(c);
  const mode = attrString(node, 'mode', 'constant');
  if (mode === 'constant')
    return pad(
      b,
      dy,
      parts.map(({ axis, before, after }) => ({ axis, before: -before, after: -after })),
    );
  const source = sources[mode] ?? new TypeContext(b.graph, node).fail(`mode ${quote(mode)} is not known`);
  let dx = dy;
  for (const { axis, before, after } of parts) {
    if (before === 0 && after === 0) continue;
    const length = shape[axis]!;
    const index = indices(b.shape(dx)[axis]!).map((at) => source(at - before, length));
    dx = gatherBack(b, dx, b.ints(index), b.shape(dx).with(axis, length), axis);
  }
  return dx;
};

/** What was filled in: everything around x, of which some may be cut off again. Other modes do not read the value. */
const paddingValue: InputRule = (c, dy) => {
  const { b, node, x } = c;
  const type = b.type(x[0]!);
  if (attrString(node, 'mode', 'constant') !== 'constant') return zeros(b, b.type(x[2]!));
  const around = pad(b, zeros(b, type), padsOf(c), b.scalar(type.dtype, 1));
  return view(b, sum(b, mul(b, dy, around), indices(type.shape.length), false), b.shape(x[2]!));
};

function padsOf({ b, node }: RuleContext): PaddedAxis[] {
  const c = new TypeContext(b.graph, node);
  const rank = c.shape(0).length;
  const pads = c.values(1);
  const axes = c.has(3) ? c.values(3).map((a) => c.axis(a, rank)) : indices(rank);
  return axes.map((axis, i) => ({ axis, before: pads[i]!, after: pads[i + axes.length]! }));
}

/** x viewed as `apart`, then transposed by `perm`, is y up to its shape: all that both block operators do. */
function blocks({ b, node, x }: RuleContext): { apart: number[]; perm: number[] } {
  const [n, channels, h, w] = b.shape(x[0]!) as [number, number, number, number];
  const size = attrInt(node, 'blocksize', 1);
  if (node.op === 'SpaceToDepth')
    return { apart: [n, channels, h / size, size, w / size, size], perm: [0, 3, 5, 1, 2, 4] };
  const inner = channels / (size * size);
  return attrString(node, 'mode', 'DCR') === 'CRD'
    ? { apart: [n, inner, size, size, h, w], perm: [0, 1, 4, 2, 5, 3] }
    : { apart: [n, size, size, inner, h, w], perm: [0, 3, 4, 1, 5, 2] };
}

const blocksBack: InputRule = (c, dy) => {
  const { apart, perm } = blocks(c);
  const moved = view(
    c.b,
    dy,
    perm.map((p) => apart[p]!),
  );
  return view(c.b, transpose(c.b, moved, inverse(perm)), c.b.shape(c.x[0]!));
};

export const resample: RuleTable = {
  Resize: [resize, null, null, null],
  Pad: [padding, null, paddingValue, null],
  DepthToSpace: [blocksBack],
  SpaceToDepth: [blocksBack],
};
