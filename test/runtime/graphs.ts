// Small statically shaped graphs that the runtime's tests run, as ONNX bytes.

import { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

function input(graph: Graph, name: string, shape: number[], dtype: DataType = 'float32'): string {
  graph.inputs.push({ name, dtype, shape });
  graph.types.set(name, { dtype, shape });
  return name;
}

function output(b: Builder, value: string, name: string): void {
  const node = b.graph.nodes.find((n) => n.outputs.includes(value))!;
  node.outputs[node.outputs.indexOf(value)] = name;
  const type = b.type(value);
  b.graph.types.set(name, type);
  b.graph.outputs.push({ name, dtype: type.dtype, shape: [...type.shape] });
}

/** y = x·w + b with w [3,2]; `frozen`: w is an initializer without data. */
export function linear({ frozen = false, batch = 4 } = {}): Uint8Array {
  const graph = new Graph();
  const x = input(graph, 'x', [batch, 3]);
  if (frozen) {
    graph.initializers.set('w', Tensor.of('float32', new Float32Array(6), [3, 2]));
    graph.types.set('w', { dtype: 'float32', shape: [3, 2] });
  } else {
    input(graph, 'w', [3, 2]);
  }
  input(graph, 'b', [2]);
  const b = new Builder(graph);
  output(b, b.op('Add', [b.op('MatMul', [x, 'w']), 'b']), 'y');
  return encodeGraph(graph, { withoutData: (name) => name === 'w' });
}

/** y = mean over rows of softmax(gelu(x·w)·w …) through `layers` layers of `width`: every kind of threaded kernel. */
export function deep({ rows, width, layers }: { rows: number; width: number; layers: number }): Uint8Array {
  const graph = new Graph();
  let h = input(graph, 'x', [rows, width]);
  input(graph, 'w', [width, width]);
  const b = new Builder(graph);
  const kept: string[] = [];
  for (let i = 0; i < layers; i++) {
    h = b.op('Gelu', [b.op('MatMul', [h, 'w'])]);
    h = b.op('Softmax', [b.op('Mul', [h, b.scalar('float32', 8)])]);
    h = b.op('Mul', [h, b.scalar('float32', width)]);
    kept.push(h);
  }
  // As backward would: everything computed on the way is still needed at the end.
  output(b, b.op('ReduceMean', [b.op('Sum', kept), b.ints([0])], { keepdims: 0 }), 'y');
  return encodeGraph(graph);
}

/** y = x·w with w [width, width] an initializer without data, which the runtime pre-packs. */
export function product(rows: number, width: number): Uint8Array {
  const graph = new Graph();
  const x = input(graph, 'x', [rows, width]);
  graph.initializers.set('w', Tensor.of('float32', new Float32Array(width * width), [width, width]));
  graph.types.set('w', { dtype: 'float32', shape: [width, width] });
  const b = new Builder(graph);
  output(b, b.op('MatMul', [x, 'w']), 'y');
  return encodeGraph(graph, { withoutData: (name) => name === 'w' });
}

/**
 * y = relu(conv3x3(x, w)), x [1,16,8,8], w [32,16,3,3] an initializer without data, which optimization lays out anew.
 */
export function convolution(): Uint8Array {
  const graph = new Graph();
  input(graph, 'x', [1, 16, 8, 8]);
  graph.initializers.set('w', Tensor.of('float32', new Float32Array(32 * 16 * 9), [32, 16, 3, 3]));
  graph.nodes.push(
    {
      name: 'conv',
      op: 'Conv',
      domain: '',
      inputs: ['x', 'w'],
      outputs: ['c'],
      attrs: new Map([['pads', { kind: 'ints', value: [1, 1, 1, 1] }]]),
    },
    { name: 'relu', op: 'Relu', domain: '', inputs: ['c'], outputs: ['y'], attrs: new Map() },
  );
  graph.outputs.push({ name: 'y', dtype: 'float32', shape: [1, 32, 8, 8] });
  return encodeGraph(graph, { withoutData: (name) => name === 'w' });
}
