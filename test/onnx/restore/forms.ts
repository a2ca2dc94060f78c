// Writes a form by hand, restores it, and holds the outputs before and after against each other.

import { expect } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import type { Graph } from '#ortune/onnx/graph.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { addOutput, graphWith, largestDifference, outputsOf } from '../graphs.js';

export type Form = (b: Builder, x: string) => string;

export const input = Tensor.of(
  'float32',
  Array.from({ length: 48 }, (_, i) => Math.sin(i * 1.7) * 3),
  [2, 3, 8],
);
export const number = (b: Builder, value: number) => b.scalar(b.type('x').dtype, value);

/** Writes a form of x [2, 3, 8], restores it, and returns the operators left; outputs before and after must agree. */
export async function restored(
  form: Form,
  dtype: DataType = 'float32',
): Promise<{ graph: Graph; operators: string[] }> {
  const { graph, b } = graphWith({ x: [2, 3, 8] }, dtype);
  addOutput(graph, form(b, 'x'));
  const copy = graph.clone();
  recognisePatterns(copy);
  if (dtype === 'float32') {
    const name = graph.outputs[0]!.name;
    const [before, after] = [await outputsOf(graph, { x: input }), await outputsOf(copy, { x: input })];
    expect(largestDifference(before.get(name)!, after.get(name)!)).toBeLessThan(4e-6);
  }
  return { graph: copy, operators: copy.nodes.map((n) => n.op) };
}

export const weight = (b: Builder, shape: number[] = [8]) =>
  b.constant(
    Tensor.of(
      'float32',
      Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => 1 + 0.1 * i),
      shape,
    ),
    'scale',
  );
