// DequantizeLinear of stored numbers: the floats they stand for are made in each run, and the stored form is what stays
// in memory. In parts, since the runtime's optimizer would otherwise make one product of it and the MatMul behind it
// that rounds the activations to 8 bits too, and the gradient would be another function's.

import { byBlocks, numbersOf } from '../formulas/quantised.js';
import { mul, sub, view } from '../formulas.js';
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
  return numbersOf(c.b, tensor, c.x(input), c.dtype(1));
}

const dequantised = (c: DefinedNode): Value[] => {
  const { b } = c;
  const shape = c.shape(0);
  const scale = c.x(1);
  const of = c.shape(1);
  const block = c.int('block_size', 0);
  const zero = c.has(2) && c.numbers(2)?.some((z) => z !== 0) !== false ? stored(c, 2) : undefined;
  const q = stored(c, 0);
  const single = elementCount(of) === 1 && of.length <= 1;
  const axis = single ? 0 : c.axis(c.int('axis', 1), shape.length);
  const expected = block > 0 ? shape.with(axis, Math.ceil(shape[axis]! / block)) : [shape[axis]];
  if (!single && of.join() !== expected.join()) c.fail(`scales [${of}] do not fit [${shape}] along axis ${axis}`);
  if (c.has(2) && c.shape(2).join() !== of.join()) c.fail(`zero points [${c.shape(2)}] do not fit scales [${of}]`);
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

export const dequantisation: DefinedTable = {
  DequantizeLinear: row,
  'com.microsoft.DequantizeLinear': row,
};
