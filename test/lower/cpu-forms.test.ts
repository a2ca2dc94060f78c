// The rewrites for the CPU's kernels: the same numbers before and after, and only where they pay.

import { describe, expect, it } from 'vitest';
import { fuseBiasGelu } from '#ortune/lower/bias-gelu.js';
import { lower } from '#ortune/lower/lower.js';
import { useOrtuneGemm } from '#ortune/lower/ortune-gemm.js';
import { pretransposeGemm } from '#ortune/lower/pretranspose-gemm.js';
import { Builder, float } from '#ortune/onnx/builder.js';
import { view } from '#ortune/onnx/formulas.js';
import { Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { runStock } from '../support/onnxruntime.js';

function start(inputs: Record<string, readonly number[]>): Builder {
  const graph = new Graph();
  for (const [name, shape] of Object.entries(inputs)) {
    graph.inputs.push({ name, dtype: 'float32', shape: [...shape] });
    graph.types.set(name, { dtype: 'float32', shape });
  }
  return new Builder(graph);
}

const finish = (b: Builder, ...outputs: Value[]): void => {
  b.graph.outputs = outputs.map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
};

async function evaluate(graph: Graph): Promise<number[][]> {
  const lowered = graph.clone();
  lower(lowered, new Set());
  const feeds = graph.inputs.map(({ name, shape }, i) => {
    const dims = shape as number[];
    return [name, Tensor.of('float32', normals(3, i, elementCount(dims)), dims)] as const;
  });
  const results = await runStock(lowered, new Map(feeds));
  return graph.outputs.map(({ name }) => results.get(name)!.numbers());
}

/** Rewrites, checks that every output keeps its name and value, and returns the operators. */
async function rewrite(b: Builder, pass: (b: Builder) => void): Promise<string[]> {
  const before = await evaluate(b.graph);
  pass(b);
  prune(b.graph);
  const after = await evaluate(b.graph);
  for (const [i, values] of before.entries()) {
    const scale = Math.max(...values.map(Math.abs));
    for (const [j, v] of values.entries()) expect(Math.abs(after[i]![j]! - v)).toBeLessThan(1e-5 * scale);
  }
  return b.graph.nodes.map((n) => (n.domain ? `${n.domain}.${n.op}` : n.op));
}

describe('fuseBiasGelu', () => {
  it.each(['none', 'tanh'])('moves the bias of a layer into the GELU behind its view (%s)', async (approximate) => {
    const b = start({ x: [6, 4], w: [4, 8], bias: [8] });
    const rows = b.op('Gemm', ['x', 'w', 'bias']);
    finish(b, b.op('Gelu', [view(b, rows, [2, 3, 8])], { approximate }));
    expect(await rewrite(b, fuseBiasGelu)).toEqual(['Gemm', 'Reshape', 'ortune.BiasGelu']);
  });

  it('leaves a layer whose sum is read elsewhere', async () => {
    const b = start({ x: [6, 4], w: [4, 8], bias: [8] });
    const rows = b.op('Gemm', ['x', 'w', 'bias']);
    finish(b, b.op('Gelu', [rows]), b.op('Neg', [rows]));
    expect(await rewrite(b, fuseBiasGelu)).toEqual(['Gemm', 'Gelu', 'Neg']);
  });

  it('leaves a bias that is no row of the output', async () => {
    const b = start({ x: [6, 4], w: [4, 8], bias: [6, 1] });
    finish(b, b.op('Gelu', [b.op('Gemm', ['x', 'w', 'bias'])]));
    expect(await rewrite(b, fuseBiasGelu)).toEqual(['Gemm', 'Gelu']);
  });
});

describe('pretransposeGemm', () => {
  it('transposes an input once for all weights that read it', async () => {
    const b = start({ x: [512, 192], y: [512, 192], z: [512, 192] });
    finish(b, b.op('Gemm', ['x', 'y'], { transA: 1 }), b.op('Gemm', ['x', 'z'], { transA: 1 }));
    expect(await rewrite(b, pretransposeGemm)).toEqual(['ortune.Transpose', 'Gemm', 'Gemm']);
  });

  it('transposes the narrow operand and the product where the input is wide', async () => {
    const b = start({ x: [512, 768], y: [512, 64] });
    finish(b, b.op('Gemm', ['x', 'y'], { transA: 1 }));
    expect(await rewrite(b, pretransposeGemm)).toEqual(['ortune.Transpose', 'Gemm', 'ortune.Transpose']);
  });

  it('leaves small products and products with a bias', async () => {
    const b = start({ x: [64, 32], y: [64, 32], wide: [512, 256], c: [256, 256] });
    finish(b, b.op('Gemm', ['x', 'y'], { transA: 1 }), b.op('Gemm', ['wide', 'wide', 'c'], { transA: 1 }));
    expect(await rewrite(b, pretransposeGemm)).toEqual(['Gemm', 'Gemm']);
  });
});

const inFloat32 = (b: Builder) => useOrtuneGemm(b, 'Gemm');

describe('useOrtuneGemm', () => {
  it('takes large products, with a bias for each column or none, read at either side transposed', async () => {
    const b = start({ x: [512, 192], y: [512, 64], w: [64, 192], bias: [64], row: [1, 64], z: [2, 256, 64] });
    const outputs = [
      b.op('Gemm', ['x', 'w', 'bias'], { transB: 1 }),
      b.op('Gemm', ['x', 'y', 'row'], { transA: 1 }),
      b.op('MatMul', ['y', 'w']),
      b.op('MatMul', ['z', 'w']),
    ];
    finish(b, ...outputs);
    expect(await rewrite(b, inFloat32)).toEqual(Array(4).fill('ortune.Gemm'));
  });

  it('takes them from operands rounded to bfloat16 where it is told so', async () => {
    const b = start({ x: [2, 256, 192], w: [64, 192], bias: [64] });
    // Numbers of 8 bits, which rounding does not change.
    const coarse = (value: Value) => b.op('Cast', [b.op('Cast', [value], { to: 16 })], { to: 1 });
    const [x, w] = [coarse('x'), coarse('w')];
    const rows = view(b, x, [512, 192]);
    const outputs = [
      b.op('Gemm', [rows, w, 'bias'], { transB: 1 }),
      b.op('Gemm', [rows, b.op('Neg', [rows])], { transA: 1 }),
      b.op('MatMul', [x, b.op('Transpose', [w], { perm: [1, 0] })]),
    ];
    finish(b, ...outputs);
    const all = await rewrite(b, (builder) => useOrtuneGemm(builder, 'GemmBf16'));
    expect(all.filter((op) => /Gemm|MatMul/.test(op))).toEqual(Array(3).fill('ortune.GemmBf16'));
  });

  it('leaves small products, stacks of products, factors and matrices that are added', async () => {
    const b = start({ x: [32, 32], w: [192, 64], y: [512, 192], z: [2, 256, 192], s: [2, 192, 64], c: [512, 64] });
    const outputs = [
      b.op('Gemm', ['x', 'x']),
      b.op('MatMul', ['z', 's']),
      b.op('Gemm', ['y', 'w'], { alpha: float(2) }),
      b.op('Gemm', ['y', 'w', 'c']),
    ];
    finish(b, ...outputs);
    expect(await rewrite(b, inFloat32)).toEqual(['Gemm', 'MatMul', 'Gemm', 'Gemm']);
  });
});
