// Operators held to the piece each element is on: the same values where they were decided, and no kink to cross from
// there.

import { describe, expect, it } from 'vitest';
import { gradcheck } from '#ortune/check/gradcheck.js';
import { holdPieces } from '#ortune/check/piecewise.js';
import { type AttrInput, Builder, float } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { openStock, runStock } from '../support/onnxruntime.js';

const line = (...values: number[]) => Tensor.of('float32', values, [1, 1, 1, values.length]);
const scalar = (value: number) => Tensor.scalar('float32', value);
const near = line(-4, -0.1, 0.1, 4);

it('the places of maxima stay where they stood, for what reads them', async () => {
  const { graph, feeds } = operatorGraph({
    op: 'MaxPool',
    inputs: [line(1, 2, 5, 4.9)],
    attrs: { kernel_shape: [1, 2], strides: [1, 2] },
    outputs: 2,
  });
  const { decisions, held } = holdPieces(graph);
  const pieces = await runStock(decisions, feeds);
  const moved = new Map([['x0', line(1, 2, 4.8, 4.9)], ...pieces]);
  expect((await runStock(held, moved)).get(graph.outputs[1]!.name)!.numbers()).toEqual([1, 2]);
});

describe('held to its pieces', () => {
  it.each<[string, string, (Tensor | undefined)[], Record<string, AttrInput>, number[]]>([
    ['Relu', 'Relu', [near], {}, [0, 0, -0.1, 3.8]],
    ['LeakyRelu', 'LeakyRelu', [near], { alpha: float(0.5) }, [-2.1, -0.15, -0.1, 3.8]],
    ['PRelu', 'PRelu', [near, scalar(0.5)], {}, [-2.1, -0.15, -0.1, 3.8]],
    ['Clip', 'Clip', [near, scalar(0), scalar(3)], {}, [0, 0, -0.1, 3]],
    ['Clip without a lower bound', 'Clip', [near, undefined, scalar(3)], {}, [-4.2, -0.3, -0.1, 3]],
    ['HardSigmoid', 'HardSigmoid', [near], { alpha: float(1), beta: float(0) }, [0, 0, -0.1, 1]],
    ['HardSwish', 'HardSwish', [near], {}, [0, -0.135, -0.1 * (0.5 - 0.1 / 6), 3.8]],
    ['Abs', 'Abs', [near], {}, [4.2, 0.3, -0.1, 3.8]],
    ['Max', 'Max', [near, scalar(0)], {}, [0, 0, -0.1, 3.8]],
    ['Min', 'Min', [near, scalar(0)], {}, [-4.2, -0.3, 0, 0]],
    ['MaxPool', 'MaxPool', [line(1, 2, 5, 4.9)], { kernel_shape: [1, 2], strides: [1, 2] }, [1.8, 4.8]],
  ])('%s follows its piece over a kink', async (_, op, inputs, attrs, expected) => {
    const { graph, feeds } = operatorGraph({ op, inputs, attrs, constants: [1, 2] });
    const { decisions, held } = holdPieces(graph);
    const pieces = await runStock(decisions, feeds);
    const y = graph.outputs[0]!.name;
    const [plain, same] = [await runStock(graph, feeds), await runStock(held, new Map([...feeds, ...pieces]))];
    for (const [i, v] of same.get(y)!.numbers().entries()) expect(v).toBeCloseTo(plain.get(y)!.numbers()[i]!, 6);
    // 0.2 to the left, and nothing changes for what stands beyond a bound.
    const [[name, x]] = [...feeds] as [[string, Tensor]];
    const left = Tensor.of(
      'float32',
      x.numbers().map((v) => v - 0.2),
      x.shape,
    );
    const found = (await runStock(held, new Map([[name, left], ...pieces]))).get(y)!.numbers();
    for (const [i, v] of found.entries()) expect(v).toBeCloseTo(expected[i]!, 5);
  });
});

/** Four layers of 32 with ReLU, over 64 rows. */
function network(): { graph: Graph; x: Tensor } {
  const graph = new Graph();
  graph.inputs.push({ name: 'x', dtype: 'float32', shape: [64, 32] });
  graph.types.set('x', { dtype: 'float32', shape: [64, 32] });
  const b = new Builder(graph);
  let y = 'x';
  for (const layer of [1, 2, 3, 4]) {
    const weights = Array.from(normals(5, layer, 32 * 32), (v) => v / 4);
    y = b.op('Relu', [b.op('MatMul', [y, b.constant(Tensor.of('float32', weights, [32, 32]), `w${layer}`)])]);
  }
  graph.outputs.push({ name: y, dtype: 'float32', shape: [64, 32] });
  return { graph, x: Tensor.of('float32', normals(5, 9, 64 * 32), [64, 32]) };
}

describe('the check of a network with thousands of kinks', () => {
  const check = (reference: Graph) => {
    const { graph, x } = network();
    const inputs = new Map([['x', x]]);
    return gradcheck(graph, ['w1', 'w2', 'w3', 'w4'], { open: openStock, inputs, tolerance: 1e-3, reference });
  };

  it('passes to a thousandth in float32', async () => {
    expect(await check(network().graph)).toMatchObject({ checked: 4, failed: 0 });
  });

  it("finds a gradient that is not the reference's", async () => {
    const { graph } = network();
    const last = graph.nodes.findLast(({ op }) => op === 'Relu')!;
    Object.assign(last, { op: 'LeakyRelu', attrs: new Map([['alpha', { kind: 'float', value: 0.05 }]]) });
    expect((await check(graph)).failed).toBe(4);
  });
});
