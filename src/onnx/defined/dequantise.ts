// DequantizeLinear of stored numbers: the floats they stand for are made in each run, and the stored form is what stays
// in memory. In parts, since the runtime's optimizer would otherwise make one product of it and the MatMul behind it
// that rounds the activations to 8 bits too, and the gradient would be another function's.

import { isPacked } from '../dtype.js';
import { byBlocks, bytesOf, firstOf, halves, numbersOf, signed } from '../formulas/quantised.js';
import { cast, mul, sub, view } from '../formulas.js';
import type { Value } from '../graph.js';
import { elementCount } from '../tensor.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** An input's numbers, which the file stores. */
function stored(c: DefinedNode, input: number): Value {
  const tensor =
    c.tensor(input) ??
    c.fail(
      `input ${input} is computed; only numbers that the file stores have a gradient around them. ` +
        'Use the float32 or float16 model',
    );
  return numbersOf(c.b, tensor, c.x(input), c.dtype(c.node.op === 'DequantizeLinear' ? 1 : 2));
}

const dequantised = (c: DefinedNode): Value[] => {
  const { b } = c;
  const shape = c.shape(0);
  const scale = c.x(1);
  const of = c.shape(1);
  const block = c.int('block_size', 0);
  const zero =
    c.has(2) &&
    c
      .tensor(2)
      ?.bytes()
      .some((byte) => byte !== 0) !== false
      ? stored(c, 2)
      : undefined;
  const q = stored(c, 0);
  const single = elementCount(of) === 1 && of.length <= 1;
  const axis = single ? 0 : c.axis(c.int('axis', 1), shape.length);
  const expected = block > 0 ? shape.with(axis, Math.ceil(shape[axis]! / block)) : [shape[axis]];
  if (!single && of.join() !== expected.join()) c.fail(`scales [${of}] do not fit [${shape}] along axis ${axis}`);
  // Of one number the runtime's quantiser writes [] for the one and [1] for the other.
  const zeros = c.has(2) ? c.shape(2) : of;
  if (zeros.join() !== of.join() && !(single && elementCount(zeros) === 1))
    c.fail(`zero points [${zeros}] do not fit scales [${of}]`);
  if (block > 0 && !single) return [byBlocks(b, q, { axis, block, scale, zero })];
  const along = (x: Value): Value =>
    single ? view(b, x, []) : view(b, x, [shape[axis]!, ...shape.slice(axis + 1).map(() => 1)]);
  return [mul(b, zero ? sub(b, q, along(zero)) : q, along(scale))];
};

const row = {
  inputs: 3,
  attributes: 'axis block_size',
  only: { output_dtype: 0 },
  constants: [1],
  define: dequantised,
};

/**
 * Rows of a table [V, K] that is stored in blocks along K: looked up as they are stored, so that floats are made of no
 * others. Bytes stand for their middle where there are no zero points, 4-bit types for 0.
 */
const rowsLookedUp = (c: DefinedNode): Value[] => {
  const { b } = c;
  const table = c.tensor(0) ?? c.fail('its table is computed, expected one that the file stores');
  const [bits, block] = [c.int('bits', 4), c.int('block_size', 128)];
  const [, width] = c.axes(0, 2) as [number, number];
  const packed = isPacked(table.dtype);
  if (c.axis(c.int('gather_axis', 0), 2) !== 0 || c.axis(c.int('quantize_axis', 1), 2) !== 1)
    c.fail('its rows are not looked up along axis 0 and stored in blocks along axis 1, which is what ortune knows');
  if ((bits !== 4 && bits !== 8) || (packed && (bits !== 4 || width % 2 !== 0)))
    c.fail(`rows of ${width} numbers ${table.dtype} of ${bits} bits, expected even rows of 4 bits, or bytes`);
  const taken = (x: Value): Value => b.op('Gather', [x, c.x(1)], { axis: 0 });
  const floats = (x: Value): Value => cast(b, x, c.dtype(2));
  const apart = (x: Value): Value => (bits === 4 ? halves(b, x) : x);
  const bytes = packed ? bytesOf(b, table, c.x(0), [table.shape[0]!, width / 2]) : c.x(0);
  const q = signed(b, apart(taken(bytes)), table.dtype, c.dtype(2));
  const axis = b.shape(q).length - 1;
  const scale = taken(c.x(2));
  const zeros = (): Value =>
    packed ? taken(stored(c, 3)) : floats(firstOf(b, apart(taken(c.x(3))), axis, b.shape(scale)[axis]!));
  const zero = c.has(3) ? zeros() : undefined;
  const centred = zero === undefined && !packed ? sub(b, q, 2 ** (bits - 1)) : q;
  return [byBlocks(b, centred, { axis, block, scale, zero })];
};

export const dequantisation: DefinedTable = {
  'com.microsoft.GatherBlockQuantized': {
    inputs: 4,
    attributes: 'bits block_size gather_axis quantize_axis',
    constants: [2],
    define: rowsLookedUp,
  },
  DequantizeLinear: row,
  'com.microsoft.DequantizeLinear': row,
};
