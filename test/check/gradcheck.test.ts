// The checker itself: it must see a gradient that is wrong by 0.05 %, and must not cry wolf at kinks or zeros.

import { describe, expect, it } from 'vitest';
import { gradcheck, type Runnable } from '#ortune/check/gradcheck.js';
import type { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { floatOf, rows } from '../autodiff/rows.js';
import { openStock } from '../support/onnxruntime.js';

/** The runtime, but every gradient is too large by this part. */
const planted =
  (part: number) =>
  async (graph: Graph): Promise<Runnable> => {
    const exact = await openStock(graph);
    const off = (t: Tensor) =>
      Tensor.of(
        t.dtype,
        t.numbers().map((v) => v * (1 + part)),
        t.shape,
      );
    const run: Runnable['run'] = async (inputs) => {
      const outputs = await exact.run(inputs);
      return new Map([...outputs].map(([name, t]) => [name, name.startsWith('grad.') ? off(t) : t]));
    };
    return { run, release: () => exact.release() };
  };

const tolerances = { float64: 1e-6, float32: 2e-4 };

describe.each(['Tanh', 'Softmax', 'LayerNormalization', 'Gelu', 'BiasGelu', 'MatMul', 'CrossEntropy'])(
  'of %s',
  (op) => {
    const row = rows.find((r) => r.op === op)!;
    const { graph, feeds, floats } = operatorGraph(row);
    const tolerance = tolerances[floatOf(row)];
    const check = (part: number) =>
      gradcheck(graph, [...floats.values()], { open: planted(part), inputs: feeds, tolerance, seed: 7 });

    it('a planted error of 0.05 % is found in every input', async () => {
      const result = await check(5e-4);
      expect(result.failed).toBe(result.checked);
      expect(result.worst!.relativeError).toBeGreaterThan(tolerance);
    });

    it('the exact gradient passes', async () => {
      const result = await check(0);
      expect(result).toMatchObject({ failed: 0, checked: floats.size, tolerance });
    });
  },
);

it('checks initializers, and leaves the graph as it was', async () => {
  const { graph, feeds } = operatorGraph({
    op: 'MatMul',
    inputs: [Tensor.of('float64', normals(1, 1, 6), [2, 3]), Tensor.of('float64', normals(1, 2, 6), [3, 2])],
    constants: [1],
  });
  const before = JSON.stringify(graph.nodes);
  const result = await gradcheck(graph, ['x1'], { open: openStock, inputs: feeds, tolerance: 1e-6 });
  expect(result).toMatchObject({ checked: 1, failed: 0 });
  expect(JSON.stringify(graph.nodes)).toBe(before);
  expect([...graph.initializers.keys()]).toEqual(['x1']);
});

it('passes a gradient that is zero everywhere', async () => {
  const { graph, feeds } = operatorGraph({ op: 'Floor', inputs: [Tensor.of('float64', [0.5, 1.5])] });
  const result = await gradcheck(graph, ['x0'], { open: openStock, inputs: feeds, tolerance: 1e-6 });
  expect(result.parameters).toEqual([{ name: 'x0', relativeError: 0 }]);
});

it('counts a gradient that is not a number as failed', async () => {
  const { graph, feeds } = operatorGraph({ op: 'Sqrt', inputs: [Tensor.of('float64', [-1, 2])] });
  const result = await gradcheck(graph, ['x0'], { open: openStock, inputs: feeds, tolerance: 1e-6 });
  expect(result.failed).toBe(1);
});

describe('what cannot be measured neither passes nor fails, and says why:', () => {
  const single = (op: string, values: number[][], constants: number[] = []) => {
    const inputs = values.map((v) => Tensor.of('float32', v, v.length === 1 ? [] : [v.length]));
    return operatorGraph({ op, inputs, constants });
  };
  const check = ({ graph, feeds }: ReturnType<typeof single>, further: Tensor[] = [], part = 0) =>
    gradcheck(graph, ['x0'], {
      open: planted(part),
      inputs: feeds,
      further: further.map((x) => () => new Map([...feeds, ['x0', x]])),
      tolerance: 1e-2,
      reference: graph,
    });

  it.each<[string, number[][], RegExp]>([
    ['Abs', [[0, 1, -2]], /a kink or a tie: the derivative is \S+ to one side and \S+ to the other/],
    [
      'Max',
      [
        [1, 2, 3],
        [1, 2, 4],
      ],
      /a kink or a tie/,
    ],
    [
      'Min',
      [
        [1, 2, 3],
        [1, 2, 4],
      ],
      /a kink or a tie/,
    ],
    ['Clip', [[0, 0.5, 6], [0], [6]], /a kink or a tie/],
    ['Sigmoid', [[16, 16.2, 15.8]], /^the change of the outputs is within the rounding of float32/],
    [
      'Add',
      [
        [1, 2, 3],
        [1e9, 1e9, 1e9],
      ],
      /no output changes in float32/,
    ],
  ])('%s of %j', async (op, values, reason) => {
    const one = single(op, values, [1, 2]);
    const result = await check(one, [], 0.05);
    expect(result).toMatchObject({ checked: 1, failed: 0, notMeasurable: 1, worst: undefined });
    expect(result.parameters[0]!.notMeasurable).toMatch(reason);
  });

  it('is tried at other inputs, where a wrong gradient is found and a right one passes', async () => {
    const further = [Tensor.of('float32', [0.3, 1, -2])];
    expect(await check(single('Abs', [[0, 1, -2]]), further)).toMatchObject({ failed: 0, notMeasurable: 0 });
    expect(await check(single('Abs', [[0, 1, -2]]), further, 0.05)).toMatchObject({ failed: 1, notMeasurable: 0 });
  });

  it('a wrong gradient is found where differences of large steps would agree with it', async () => {
    expect(await check(single('Sigmoid', [[3, 4, 5]]), [], 0.05)).toMatchObject({ failed: 1, notMeasurable: 0 });
  });
});
