// When the floats of stored weights are made: for each product that reads them, and behind what it reads besides.

import { expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { dequantiseLate } from '#ortune/lower/dequantise.js';
import { runOrder } from '#ortune/lower/memory.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

/** Products one behind the other, whose weights are stored, and their gradients. */
function products(held: boolean) {
  const graph = new Graph();
  const b = new Builder(graph);
  const first = b.input('x', 'float32', [2, 300]);
  let x = first;
  for (let i = 0; i < 3; i++) {
    const numbers = new Tensor('int8', [300, 300], new Uint8Array(new SharedArrayBuffer(90_000)).fill(i), held);
    const w = b.op('DequantizeLinear', [b.constant(numbers, `w${i}`), b.scalar('float32', 0.1)]);
    x = b.op('MatMul', [x, w]);
  }
  const loss = b.op('ReduceSum', [x], { keepdims: 0 });
  const gradient = backward(b, loss, [first]).get(first)!;
  graph.outputs = [loss, gradient].map((name) => ({ name, ...b.type(name), shape: [] }));
  dequantiseLate(b);
  return graph;
}

it('each reader has its own floats, made when nothing else is left to be computed for it', () => {
  const order = runOrder(products(true));
  const made = order.filter(({ op }) => op === 'DequantizeLinear');
  expect(made).toHaveLength(6);
  for (const maker of made) {
    const readers = order.filter(({ inputs }) => inputs.includes(maker.outputs[0]!));
    expect(readers).toHaveLength(1);
    const between = order.slice(order.indexOf(maker) + 1, order.indexOf(readers[0]!));
    expect(between.filter(({ op }) => op === 'MatMul' || op === 'DequantizeLinear')).toEqual([]);
  }
});

it('what is not in memory that sessions share is not written twice', () => {
  expect(products(false).nodes.filter(({ op }) => op === 'DequantizeLinear')).toHaveLength(3);
});
