// What kernels refuse: tensors that do not fit each other would be memory bugs, and nothing before them has checked.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { longs, random, runOn, unchecked } from './kernels.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const floats = (...shape: number[]) => random(1, shape);
const updateInputs = (ranges: Tensor, change: Record<number, Tensor> = {}) =>
  [floats(8), floats(8), floats(8), floats(8), ranges, floats(1, 9), floats(1)].map((x, i) => change[i] ?? x);

const refusals: [string, RegExp, string, Tensor[], Record<string, AttrInput>, number[]][] = [
  ['sizes that differ', /one shape/, 'GeluGrad', [floats(2), floats(3)], {}, [3]],
  ['a product of other depths', /A has 3 elements, a column of B 2/, 'Gemm', [floats(2, 3), floats(2, 3)], {}, [2, 3]],
  ['a product of vectors', /A must be a matrix/, 'Gemm', [floats(3), floats(3, 2)], {}, [2]],
  ['tensors', /B must be a matrix/, 'GemmBf16', [floats(3, 2), floats(1, 2, 2)], {}, [3, 2]],
  [
    'rows to transpose',
    /rows that are not transposed/,
    'GemmBf16',
    [floats(1, 2, 3), floats(2, 2)],
    { transA: 1 },
    [3, 2],
  ],
  ['a short bias', /each of the 2 columns/, 'Gemm', [floats(4, 3), floats(3, 2), floats(3)], {}, [4, 2]],
  ['a short key', /4 elements, not 3/, 'Dropout', [floats(2), Tensor.of('uint32', [1, 2, 3])], {}, [2]],
  ['a ratio of 1', /below 1/, 'Dropout', [floats(2), Tensor.of('uint32', [1, 2, 3, 4])], { ratio: float(1) }, [2]],
  ['a bad axis', /'axis'/, 'LayerNormalizationGrad', [floats(2, 3), floats(2, 3), floats(3)], { axis: 2 }, [2, 3]],
  ['a short scale', /scale has 2/, 'LayerNormalizationGrad', [floats(2, 3), floats(2, 3), floats(2)], {}, [2, 3]],
  ['a short scale of rows', /scale has 2/, 'RmsNorm', [floats(2, 3), floats(2)], {}, [2, 3]],
  ['rows of another shape', /one shape/, 'RmsNormGrad', [floats(3, 2), floats(2, 3), floats(3)], {}, [2, 3]],
  ['gates of another shape', /one shape/, 'SwiGlu', [floats(2, 3), floats(3, 2)], {}, [2, 3]],
  ['a gradient of another shape', /one shape/, 'SwiGluGrad', [floats(6), floats(2, 3), floats(2, 3)], {}, [2, 3]],
  [
    'a rotation of a matrix',
    /three axes, not 2/,
    'Rotary',
    [floats(2, 4), floats(1, 2, 4), floats(1, 2, 4)],
    {},
    [2, 4],
  ],
  ['other angles', /one shape/, 'Rotary', [floats(1, 2, 4), floats(1, 2, 4), floats(1, 1, 4)], {}, [1, 2, 4]],
  [
    'angles of other tokens',
    /\[B, T, d\]/,
    'Rotary',
    [floats(1, 2, 4), floats(1, 3, 4), floats(1, 3, 4)],
    {},
    [1, 2, 4],
  ],
  ['odd heads', /heads of 3/, 'Rotary', [floats(1, 2, 6), floats(1, 2, 3), floats(1, 2, 3)], {}, [1, 2, 6]],
  ['a missing attribute', /'rows' is missing/, 'EmbeddingGrad', [floats(2, 3), longs([0, 1])], {}, [4, 3]],
  ['indices of another type', /int64 or int32/, 'EmbeddingGrad', [floats(2, 3), floats(2)], { rows: 4 }, [4, 3]],
  ['too few indices', /leading axes/, 'EmbeddingGrad', [floats(2, 3), longs([0])], { rows: 4 }, [4, 3]],
  ['an index outside the table', /index 4 .* 4 rows/, 'EmbeddingGrad', [floats(1, 3), longs([4])], { rows: 4 }, [4, 3]],
  ['an index below the table', /index -5 /, 'EmbeddingGrad', [floats(1, 3), longs([-5])], { rows: 4 }, [4, 3]],
  ['logits of another rank', /\[N, C\]/, 'CrossEntropy', [floats(2), longs([0, 1])], {}, []],
  ['too few labels', /2 rows of logits, but 1/, 'CrossEntropy', [floats(2, 3), longs([0])], {}, []],
  ['too few sample weights', /sample weight/, 'CrossEntropy', [floats(2, 3), longs([0, 1]), floats(1)], {}, []],
  [
    'too few class weights',
    /class weight/,
    'CrossEntropy',
    [floats(2, 3), longs([0, 1]), floats(2), floats(2)],
    {},
    [],
  ],
  ['an unknown label', /label 3 of row 1 is not below 3/, 'CrossEntropy', [floats(2, 3), longs([0, 3])], {}, []],
  ['a short lse', /lse/, 'CrossEntropyGrad', [floats(1), floats(2, 3), floats(1), longs([0, 1])], {}, [2, 3]],
  ['short state', /state must be as long/, 'Adam', updateInputs(longs([0, 8], [1, 2]), { 3: floats(7) }), {}, [1]],
  ['short gradients', /gradients must be/, 'Adam', updateInputs(longs([0, 8], [1, 2]), { 1: floats(7) }), {}, [1]],
  ['ranges of another shape', /\[R, 2\]/, 'Adam', updateInputs(longs([0, 8])), {}, [1]],
  ['ranges that overlap', /range 1 = \[3, 8\)/, 'Adam', updateInputs(longs([0, 4, 3, 8], [2, 2])), {}, [1]],
  ['a range outside', /leaves the arena of 8/, 'Adam', updateInputs(longs([0, 9], [1, 2])), {}, [1]],
  ['too few numbers', /9 numbers per range/, 'Adam', updateInputs(longs([0, 2, 3, 8], [2, 2])), {}, [1]],
  ['two norms', /clip/, 'Adam', updateInputs(longs([0, 8], [1, 2]), { 6: floats(2) }), {}, [1]],
];

describe('kernels refuse', () => {
  it.each(refusals)('%s', async (_, message, op, inputs, attrs, output) => {
    const { graph, feeds } = unchecked(op, inputs, attrs, output);
    await expect(runOn(device, graph, feeds)).rejects.toThrow(message);
  });
});
