// Graphs of one kernel, their runs on a device, and what the definition of the operator says of them.

import { expect } from 'vitest';
import { lower } from '#ortune/lower/lower.js';
import { type AttrInput, toAttr } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph, type Value } from '#ortune/onnx/graph.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import type { Device, TensorView } from '#ortune/runtime/session.js';
import { type OperatorCase, operatorGraph } from '../autodiff/graphs.js';
import { runStock } from '../support/onnxruntime.js';

const shared = (tensor: Tensor): TensorView => {
  const view = sharedTensor(tensor.dtype, tensor.shape);
  view.data.set(tensor.data() as never);
  return view;
};

/** The graph's outputs on the device; bound inputs hold what the run left in them. */
export async function runOn(on: Device, graph: Graph, feeds: ReadonlyMap<Value, Tensor>) {
  const session = await on.createSession({ model: encodeGraph(graph) });
  const inputs = new Map([...feeds].map(([name, tensor]) => [name, shared(tensor)]));
  const outputs = new Map(graph.outputs.map((o) => [o.name, sharedTensor(o.dtype, o.shape as number[])]));
  await session.run(inputs, outputs).finally(() => session.release());
  return { inputs, outputs: [...outputs.values()].map((view) => view.data as Float32Array) };
}

/** Normal numbers of the stream. */
export const random = (stream: number, shape: number[], map = (v: number) => v): Tensor =>
  Tensor.of('float32', Array.from(normals(9, stream, elementCount(shape)), map), shape);
/** Whole numbers of an int64 tensor. */
export const longs = (values: number[], shape = [values.length]) => Tensor.of('int64', values, shape);

/** A node over these inputs, all fed, without any check of shapes. */
export function unchecked(op: string, inputs: readonly Tensor[], attrs: Record<string, AttrInput>, output: number[]) {
  const graph = new Graph();
  const feeds = new Map(inputs.map((tensor, i) => [`x${i}`, tensor]));
  graph.inputs = [...feeds].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
  const attributes = new Map(Object.entries(attrs).map(([key, value]) => [key, toAttr(value)]));
  graph.nodes.push({ name: op, op, domain: 'ortune', inputs: [...feeds.keys()], outputs: ['y'], attrs: attributes });
  graph.outputs = [{ name: 'y', dtype: 'float32', shape: output }];
  return { graph, feeds };
}

/** The same operator over float64. */
export const inFloat64 = (operator: OperatorCase): OperatorCase => ({
  ...operator,
  inputs: operator.inputs.map((x) => (x?.dtype === 'float32' ? Tensor.of('float64', x.numbers(), x.shape) : x)),
});

/** The definition's outputs on a stock session. */
export async function define(operator: OperatorCase): Promise<number[][]> {
  const { graph, feeds } = operatorGraph({ ...operator, domain: 'ortune' });
  const names = graph.outputs.map((o) => o.name);
  lower(graph, new Set());
  const results = await runStock(graph, feeds);
  return names.map((name) => results.get(name)!.numbers());
}

/** @param tolerance relative to the largest number expected */
export function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const error = Math.max(...expected.map((v, i) => Math.abs(found[i]! - v)));
  expect(error).toBeLessThanOrEqual(tolerance * scale);
}

/** Text that is the same where every bit is. */
export const bits = (outputs: readonly Float32Array[]) =>
  outputs.map((o) => Buffer.from(o.buffer, o.byteOffset, o.byteLength).toString('base64'));
