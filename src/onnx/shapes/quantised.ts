// Output types of what computes with rounded numbers: products with weights that are stored in few bits, the floats
// that such numbers stand for, and rounding.

import { isFloat, isPacked } from '../dtype.js';
import { elementCount } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';

/** (q − zero) · scale: one scale for all, one for each place along an axis, or one for each block along it. */
const dequantised: TypeRule = (c) => {
  const [shape, scales] = [c.shape(0), c.shape(1)];
  const { dtype } = c.type(1);
  const axis = c.int('axis', 1);
  const block = c.int('block_size', 0);
  if (isFloat(c.dtype(0)) || !isFloat(dtype)) c.fail(`it makes ${dtype} of ${c.dtype(0)}, expected floats of integers`);
  if (c.int('output_dtype', 0) !== 0) c.fail("attribute 'output_dtype' is set; export the model without it");
  const single = block === 0 && elementCount(scales) === 1 && scales.length <= 1;
  const along = single ? 0 : c.axis(axis, shape.length);
  const expected = block > 0 ? shape.with(along, Math.ceil(shape[along]! / block)) : [shape[along]];
  if (!single && scales.join() !== expected.join())
    c.fail(`scales [${scales}] do not fit [${shape}] along axis ${axis}`);
  // Of one number the runtime's quantiser writes [] for the one and [1] for the other.
  if (c.has(2) && c.shape(2).join() !== scales.join() && !(single && elementCount(c.shape(2)) === 1))
    c.fail(`zero points [${c.shape(2)}] do not fit scales [${scales}]`);
  return [{ dtype, shape }];
};

/** x [..., K] and weights [N, K], stored in blocks along K. */
const matMulNBits: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const { n, k, bits, block } = blockedSizes(c);
  const blocks = Math.ceil(k / block);
  const elements = (input: number): number => elementCount(c.shape(input));
  if (shape.at(-1) !== k) c.fail(`rows of [${shape}] do not fit K ${k}`);
  if (c.dtype(1) !== 'uint8' || elements(1) !== (n * blocks * block * bits) / 8)
    c.fail(`weights ${c.dtype(1)} [${c.shape(1)}] do not fit N ${n}, K ${k}, ${bits} bits, blocks of ${block}`);
  if (c.dtype(2) !== dtype || elements(2) !== n * blocks) c.fail(`scales [${c.shape(2)}] do not fit ${n} x ${blocks}`);
  const zeros = n * (c.has(3) && c.dtype(3) === 'uint8' ? Math.ceil((blocks * bits) / 8) : blocks);
  if (c.has(3) && ((c.dtype(3) !== 'uint8' && c.dtype(3) !== dtype) || elements(3) !== zeros))
    c.fail(`zero points ${c.dtype(3)} [${c.shape(3)}] do not fit ${n} x ${blocks}`);
  if (c.has(4))
    c.fail('it has an order of the rows (g_idx), which ortune does not know; quantise the model without it');
  if (c.has(5) && c.shape(5).join() !== `${n}`) c.fail(`the bias [${c.shape(5)}] does not fit N ${n}`);
  storedAlone(c, 1, 2, 3);
  return [{ dtype, shape: [...shape.slice(0, -1), n] }];
};

/** Sizes of weights that are stored in blocks. */
export function blockedSizes(c: TypeContext): { n: number; k: number; bits: number; block: number } {
  const [n, k, bits, block] = [c.int('N', 0), c.int('K', 0), c.int('bits', 4), c.int('block_size', 0)];
  if (n < 1 || k < 1 || block < 16 || (block & (block - 1)) !== 0)
    c.fail(`N ${n}, K ${k} in blocks of ${block}: expected sizes above 0, and blocks of a power of 2 from 16 on`);
  if (bits !== 4 && bits !== 8) c.fail(`its weights have ${bits} bits, expected 4 or 8; quantise the model to these`);
  return { n, k, bits, block };
}

/** What the codes of bitsandbytes stand for: floats of 4 bits, and the quantiles of a normal distribution. */
const positive = [0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4];
const codes = [
  [...positive, ...positive.map((v) => -v)],
  [
    ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
    ...[-0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725],
    ...[0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
  ],
];

/** Sizes of weights [N, K] that are stored as codes of 4 bits, and what these stand for. */
export function codedSizes(c: TypeContext): { n: number; k: number; block: number; table: readonly number[] } {
  const [n, k, block, type] = [c.int('N', 0), c.int('K', 0), c.int('block_size', 0), c.int('quant_type', 1)];
  const table = codes[type] ?? c.fail(`its quant_type is ${type}, expected 0 (FP4) or 1 (NF4)`);
  if (n < 1 || k < 1 || block < 2 || block % 2 !== 0 || (n * k) % block !== 0)
    c.fail(`N ${n}, K ${k} in blocks of ${block}: expected sizes above 0 that are whole blocks`);
  if (c.int('transB', 1) !== 1) c.fail('its weights are stored by columns (transB 0); quantise the model without it');
  return { n, k, block, table };
}

/** x [..., K] and weights [N, K], stored as codes of 4 bits in blocks of their order. */
const matMulBnb4: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const { n, k, block } = codedSizes(c);
  if (shape.at(-1) !== k) c.fail(`rows of [${shape}] do not fit K ${k}`);
  if (c.dtype(1) !== 'uint8' || elementCount(c.shape(1)) !== (n * k) / 2)
    c.fail(`weights ${c.dtype(1)} [${c.shape(1)}] do not fit N ${n}, K ${k} of 4 bits`);
  if (c.dtype(2) !== dtype || elementCount(c.shape(2)) !== (n * k) / block)
    c.fail(`absmax [${c.shape(2)}] does not fit ${(n * k) / block} blocks`);
  storedAlone(c, 1, 2);
  return [{ dtype, shape: [...shape.slice(0, -1), n] }];
};

function storedAlone(c: TypeContext, ...inputs: number[]): void {
  for (const input of inputs)
    if (c.has(input) && !c.graph.initializers.has(c.node.inputs[input]!))
      c.fail(`input ${input} is computed, expected numbers that the file stores`);
}

/** Rows of a table [V, K] that is stored in blocks along K. */
const rowsLookedUp: TypeRule = (c) => {
  const [table, ids] = [c.shape(0), c.shape(1)];
  const bits = c.int('bits', 4);
  if (table.length !== 2 || c.axis(c.int('gather_axis', 0), 2) !== 0 || c.axis(c.int('quantize_axis', 1), 2) !== 1)
    c.fail('its rows are not looked up along axis 0 and stored in blocks along axis 1, which is what ortune knows');
  if ((bits !== 4 && bits !== 8) || (isPacked(c.dtype(0)) && bits !== 4))
    c.fail(`rows of ${c.dtype(0)} of ${bits} bits, expected numbers of 4 bits, or bytes`);
  const width = table[1]! * (c.dtype(0) === 'uint8' && bits === 4 ? 2 : 1);
  return [{ dtype: c.dtype(2), shape: [...ids, width] }];
};

/** A scale for the tensor, or for each place along an axis. */
const fakeQuantize: TypeRule = (c) => {
  const { shape } = c.type(0);
  const scales = elementCount(c.shape(1));
  if (c.dtype(1) !== c.dtype(0)) c.fail(`its scale is ${c.dtype(1)}, its input ${c.dtype(0)}`);
  if (scales !== 1 && scales !== shape[c.axis(c.int('axis', 1), shape.length)])
    c.fail(`scales [${c.shape(1)}] do not fit [${shape}] along axis ${c.int('axis', 1)}`);
  if (c.has(2) && elementCount(c.shape(2)) !== scales) c.fail(`zero points [${c.shape(2)}] do not fit the scales`);
  return [c.type(0)];
};

/** Numbers, their scale and their zero point. */
const quantisedAsItRuns: TypeRule = (c) => [
  { dtype: 'uint8', shape: c.shape(0) },
  { dtype: 'float32', shape: [] },
  { dtype: 'uint8', shape: [] },
];

export const quantisedOnnx: TypeTable = {
  DequantizeLinear: dequantised,
  DynamicQuantizeLinear: quantisedAsItRuns,
};
export const quantisedMicrosoft: TypeTable = {
  MatMulNBits: matMulNBits,
  MatMulBnb4: matMulBnb4,
  GatherBlockQuantized: rowsLookedUp,
};
export const quantisedOrtune: TypeTable = { FakeQuantize: fakeQuantize, DynamicFakeQuantize: (c) => [c.type(0)] };
