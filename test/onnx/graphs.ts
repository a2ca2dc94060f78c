// Graphs for tests, and their outputs by the stock runtime without graph optimisation.

import * as ort from 'onnxruntime-node';
import { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { type Dim, Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

/** A graph with these inputs (typed, so that a Builder can append to it). */
export function graphWith(
  inputs: Record<string, readonly number[]>,
  dtype: DataType = 'float32',
): { graph: Graph; b: Builder } {
  const graph = new Graph();
  for (const [name, shape] of Object.entries(inputs)) {
    graph.inputs.push({ name, dtype, shape: [...shape] });
    graph.types.set(name, { dtype, shape });
  }
  return { graph, b: new Builder(graph) };
}

export function addOutput(graph: Graph, name: string): void {
  const { dtype, shape } = graph.type(name);
  graph.outputs.push({ name, dtype, shape: shape.map((d): Dim => d) });
}

/** Outputs of one run, by name. */
export async function outputsOf(graph: Graph, feeds: Record<string, Tensor>): Promise<Map<string, Tensor>> {
  const session = await ort.InferenceSession.create(encodeGraph(graph), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const fed = Object.entries(feeds).map(([name, t]) => [
    name,
    new ort.Tensor(t.dtype as 'float32', t.data() as Float32Array, t.shape),
  ]);
  const results = await session.run(Object.fromEntries(fed));
  await session.release();
  return new Map(
    Object.entries(results).map(([name, t]) => [name, Tensor.view(t.type as DataType, t.dims, t.data as Float32Array)]),
  );
}

/** Largest difference of two tensors of one shape. */
export function largestDifference(a: Tensor, b: Tensor): number {
  if (String(a.shape) !== String(b.shape)) throw new Error(`shapes [${a.shape}] and [${b.shape}] differ`);
  const other = b.numbers();
  return a.numbers().reduce((most, v, i) => Math.max(most, Math.abs(v - other[i]!)), 0);
}

/** Feeds for an encoder: tokens, a ragged mask, two token types. */
export function encoderFeeds(graph: Graph, batch: number, length: number): Record<string, Tensor> {
  const at = (f: (row: number, column: number) => number) =>
    Tensor.of(
      'int64',
      Array.from({ length: batch * length }, (_, i) => f(Math.floor(i / length), i % length)),
      [batch, length],
    );
  const made: Record<string, Tensor> = {
    input_ids: at((row, column) => 2 + ((row * 31 + column * 17) % 50)),
    attention_mask: at((row, column) => +(column < length - 2 * row)),
    token_type_ids: at((_, column) => +(column > length / 2)),
  };
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, made[name]!]));
}
