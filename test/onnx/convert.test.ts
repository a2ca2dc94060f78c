import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { convertFloat, firstOverflow } from '#ortune/onnx/convert.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

// Every float16 value and its neighbourhood in float32: exact values, ties, and one bit to either side of them.
function float32Probes(): Float32Array<ArrayBuffer> {
  const bits: number[] = [];
  for (let high = 0; high < 0x10000; high += 3)
    for (const low of [0, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 0xffff])
      bits.push(((high << 16) | low) >>> 0);
  return new Float32Array(Uint32Array.from(bits).buffer);
}

/** The runtime's own Cast. */
async function cast(values: Float32Array<ArrayBuffer>, to: number): Promise<Uint16Array> {
  const graph = new Graph();
  graph.inputs = [{ name: 'x', dtype: 'float32', shape: [values.length] }];
  graph.outputs = [{ name: 'y', dtype: to === 10 ? 'float16' : 'bfloat16', shape: [values.length] }];
  graph.nodes = [
    {
      name: 'cast',
      op: 'Cast',
      domain: '',
      inputs: ['x'],
      outputs: ['y'],
      attrs: new Map([['to', { kind: 'int', value: to }]]),
    },
  ];
  const session = await ort.InferenceSession.create(encodeGraph(graph));
  const { y } = await session.run({ x: new ort.Tensor('float32', values, [values.length]) });
  await session.release();
  return new Uint16Array((y!.data as Uint16Array).buffer);
}

describe('float16', () => {
  test('rounds as the runtime does, subnormal numbers and overflow included', async () => {
    const values = float32Probes().filter((v) => !Number.isNaN(v));
    const ours = convertFloat(Tensor.of('float32', values), 'float16').data();
    expect(Buffer.from(ours.buffer).equals(Buffer.from((await cast(values, 10)).buffer))).toBe(true);
  });

  test('every value comes back from float32', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i).filter(
      (i) => (i & 0x7c00) !== 0x7c00 || (i & 0x3ff) === 0,
    );
    const half = Tensor.view('float16', [bits.length], bits);
    expect(convertFloat(convertFloat(half, 'float32'), 'float16').data()).toEqual(bits);
  });

  test('NaN stays NaN', () => {
    const half = convertFloat(Tensor.of('float32', [Number.NaN]), 'float16');
    expect(convertFloat(half, 'float32').numbers()).toEqual([Number.NaN]);
  });
});

describe('bfloat16', () => {
  test('rounds to nearest, ties to even', () => {
    const bits = Uint32Array.of(0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0xff800000, 0x00000001);
    const brain = convertFloat(Tensor.view('float32', [7], new Float32Array(bits.buffer)), 'bfloat16');
    expect([...brain.data()]).toEqual([0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0xff80, 0]);
    expect(convertFloat(brain, 'float32').numbers().slice(0, 4)).toEqual([1, 1, 1.015625, 1.0078125]);
  });

  test('NaN stays NaN', () => {
    const brain = convertFloat(Tensor.of('float32', [Number.NaN]), 'bfloat16');
    expect(convertFloat(brain, 'float32').numbers()).toEqual([Number.NaN]);
  });
});

test('float64 and float32 convert both ways, and the same type is not copied', () => {
  const single = Tensor.of('float32', [0.1, 2]);
  expect(convertFloat(single, 'float64').numbers()).toEqual([Math.fround(0.1), 2]);
  expect(convertFloat(Tensor.of('float64', [0.1]), 'float32').numbers()).toEqual([Math.fround(0.1)]);
  expect(convertFloat(single, 'float32')).toBe(single);
});

test('integers are not converted', () => {
  expect(() => convertFloat(Tensor.of('int32', [1]), 'float32')).toThrow(/cannot convert int32 to float32/);
});

test('the first value that does not fit is found, infinite ones do not count', () => {
  const values = Tensor.of('float32', [1, Number.POSITIVE_INFINITY, 65519, 65520]);
  expect(firstOverflow(values, convertFloat(values, 'float16'))).toBe(3);
  expect(firstOverflow(values, convertFloat(values, 'bfloat16'))).toBe(-1);
});
