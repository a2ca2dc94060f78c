// Gradients of operators that move elements without choosing among them: reshaping, transposing, joining, repeating.

import { axisOf, between, indices, inverse, sum, transpose, view, zeros } from '../../onnx/formulas.js';
import { attrInt, attrInts, type Value } from '../../onnx/graph.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

const reshapeBack: InputRule = ({ b, x }, dy) => view(b, dy, b.shape(x[0]!));

const transposeBack: InputRule = ({ b, node, x }, dy) =>
  transpose(b, dy, inverse(attrInts(node, 'perm') ?? indices(b.shape(x[0]!).length).reverse()));

/** The part of dy that input number `input` became. */
function concatPart({ b, node, x }: RuleContext, input: number, dy: Value): Value {
  const axis = axisOf(attrInt(node, 'axis', 0), b.shape(dy).length);
  const sizes = x.map((value) => b.shape(value)[axis]!);
  const start = sizes.slice(0, input).reduce((a, s) => a + s, 0);
  return between(b, dy, axis, start, start + sizes[input]!);
}

/** The gradients of the parts joined again, zeros for parts that do not reach the loss. */
const splitBack: InputRule = ({ b, node, y, dy }) => {
  const parts = y.map((value, i) => dy[i] ?? zeros(b, b.type(value)));
  return b.op('Concat', parts, { axis: attrInt(node, 'axis', 0) });
};

/** Every axis split into [repeats, length], then the sum over the repeats. */
const tileBack: InputRule = ({ b, x, y }, dy) => {
  const shape = b.shape(x[0]!);
  const repeats = shape.map((d, i) => b.shape(y[0]!)[i]! / d);
  const apart = view(
    b,
    dy,
    shape.flatMap((d, i) => [repeats[i]!, d]),
  );
  return sum(
    b,
    apart,
    indices(shape.length).map((i) => 2 * i),
    false,
  );
};

/** What an element was added to lies on its other side: the sum runs the other way. */
const cumSumBack: InputRule = ({ b, node, x }, dy) =>
  b.op('CumSum', [dy, x[1]!], {
    exclusive: attrInt(node, 'exclusive', 0),
    reverse: 1 - attrInt(node, 'reverse', 0),
  });

/** What was cut off has no gradient. */
const triluBack: InputRule = ({ b, node, x }, dy) =>
  b.op('Trilu', [dy, ...x.slice(1)], { upper: attrInt(node, 'upper', 1) });

export const layout: RuleTable = {
  Reshape: [reshapeBack, null],
  Flatten: [reshapeBack],
  Squeeze: [reshapeBack, null],
  Unsqueeze: [reshapeBack, null],
  Transpose: [transposeBack],
  Concat: { variadic: concatPart },
  Split: { anyOutput: [splitBack, null] },
  // The sum over the expanded axes is the one every broadcast needs.
  Expand: [(_, dy) => dy, null],
  Tile: [tileBack, null],
  CumSum: [cumSumBack, null],
  Trilu: [triluBack, null],
};
