// The definitions of fused operators against plain float64 references, and when they replace the operator.

import { describe, expect, it } from 'vitest';
import { definitions, lower } from '#ortune/lower/lower.js';
import { type AttrInput, Builder, float } from '#ortune/onnx/builder.js';
import { typedOperators } from '#ortune/onnx/shapes.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { type OperatorCase, operatorGraph } from '../autodiff/graphs.js';
import { runStock } from '../support/onnxruntime.js';

const any = (stream: number, ...shape: number[]) =>
  Tensor.of(
    'float64',
    normals(
      5,
      stream,
      shape.reduce((n, d) => n * d, 1),
    ),
    shape,
  );

/** The operator's outputs by its definition. */
async function run(op: string, inputs: OperatorCase['inputs'], attrs: Record<string, AttrInput> = {}, outputs = 1) {
  const [domain, name] = op.split('.') as [string, string];
  const { graph, feeds } = operatorGraph({ op: name, domain, inputs, attrs, outputs });
  const names = graph.outputs.map((o) => o.name);
  lower(graph, new Set());
  expect(graph.nodes.every((n) => n.domain === '')).toBe(true);
  const results = await runStock(graph, feeds);
  return names.map((o) => results.get(o)!.numbers());
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, v] of found.entries()) expect(v).toBeCloseTo(expected[i]!, 10);
}

const table = (t: Tensor): number[][] => {
  const [rows, columns] = t.shape as [number, number];
  return Array.from({ length: rows }, (_, r) => t.numbers().slice(r * columns, (r + 1) * columns));
};
const total = (values: readonly number[]) => values.reduce((a, v) => a + v, 0);
const columnsOf = (rows: number[][]) => rows[0]!.map((_, c) => total(rows.map((row) => row[c]!)));

describe('the definition of', () => {
  it('LayerNormalizationGrad is the derivative of a normalised row', async () => {
    const [dy, x, scale] = [any(1, 3, 4), any(2, 3, 4), any(3, 4)];
    const outputs = await run('ortune.LayerNormalizationGrad', [dy, x, scale], { epsilon: float(0.25) }, 3);
    const w = scale.numbers();
    const normalised = table(x).map((row) => {
      const mean = total(row) / 4;
      const r = 1 / Math.sqrt(total(row.map((v) => (v - mean) ** 2)) / 4 + 0.25);
      return { r, row: row.map((v) => (v - mean) * r) };
    });
    const dx = table(dy).flatMap((d, i) => {
      const { r, row } = normalised[i]!;
      const g = d.map((v, c) => v * w[c]!);
      const along = total(g.map((v, c) => v * row[c]!)) / 4;
      return g.map((v, c) => r * (v - total(g) / 4 - row[c]! * along));
    });
    expectClose(outputs[0]!, dx);
    expectClose(outputs[1]!, columnsOf(table(dy).map((d, i) => d.map((v, c) => v * normalised[i]!.row[c]!))));
    expectClose(outputs[2]!, columnsOf(table(dy)));
  });

  it('SoftmaxGrad scales the derivative of softmax', async () => {
    const [dy, y] = [any(1, 3, 4), any(2, 3, 4)];
    const [dx] = await run('ortune.SoftmaxGrad', [dy, y], { scale: float(0.5) });
    const expected = table(dy).flatMap((d, i) => {
      const p = table(y)[i]!;
      const mixed = total(d.map((v, c) => v * p[c]!));
      return d.map((v, c) => 0.5 * p[c]! * (v - mixed));
    });
    expectClose(dx!, expected);
  });

  it('LogSoftmaxGrad is the derivative of log softmax', async () => {
    const [dy, y] = [any(1, 3, 4), any(2, 3, 4)];
    const [dx] = await run('ortune.LogSoftmaxGrad', [dy, y]);
    const expected = table(dy).flatMap((d, i) => d.map((v, c) => v - Math.exp(table(y)[i]![c]!) * total(d)));
    expectClose(dx!, expected);
  });

  it('BiasGrad sums all axes but the last', async () => {
    const dy = any(1, 2, 3, 4);
    const [db] = await run('ortune.BiasGrad', [dy]);
    expectClose(db!, columnsOf(table(Tensor.of('float64', dy.numbers(), [6, 4]))));
    const row = any(2, 4);
    expectClose((await run('ortune.BiasGrad', [row]))[0]!, row.numbers());
  });

  it.each(['int64', 'int32'] as const)(
    'EmbeddingGrad adds rows at %s indices, negative ones from the end',
    async (type) => {
      const dy = any(1, 2, 2, 3);
      const [dw] = await run('ortune.EmbeddingGrad', [dy, Tensor.of(type, [1, -4, 3, 1], [2, 2])], { rows: 5 });
      const expected = Array.from({ length: 5 }, () => [0, 0, 0]);
      for (const [i, at] of [1, 1, 3, 1].entries())
        for (let c = 0; c < 3; c++) expected[at]![c]! += dy.numbers()[i * 3 + c]!;
      expectClose(dw!, expected.flat());
    },
  );

  it.each(['none', 'tanh'])('GeluGrad (%s) is the slope of GELU', async (approximate) => {
    const x = Tensor.of('float32', normals(5, 1, 9));
    const ones = Tensor.of(
      'float32',
      x.numbers().map(() => 1),
    );
    const [slope] = await run('ortune.GeluGrad', [ones, x], { approximate });
    const { graph, feeds } = operatorGraph({ op: 'Gelu', inputs: [x], attrs: { approximate } });
    const at = async (h: number) => {
      const moved = Tensor.of(
        'float32',
        x.numbers().map((v) => v + h),
      );
      return (await runStock(graph, new Map([...feeds, ['x0', moved]]))).get(graph.outputs[0]!.name)!.numbers();
    };
    const [high, low] = [await at(2 ** -6), await at(-(2 ** -6))];
    for (const [i, s] of slope!.entries()) expect(s).toBeCloseTo((high[i]! - low[i]!) * 32, 3);
  });

  it('Dropout gives the bits of its generator', async () => {
    const [key, id, ratio, count] = [[7, 11, 2, 1], 77, Math.fround(0.3), 1000];
    const x = Tensor.of(
      'float64',
      Array.from({ length: count }, () => 1),
      [10, 100],
    );
    const attrs = { ratio: float(ratio), id };
    const [y] = await run('ortune.Dropout', [x, Tensor.of('uint32', key)], attrs);
    expectClose(
      y!,
      Array.from({ length: count }, (_, i) => (kept(key, id, i, ratio) ? 1 / (1 - ratio) : 0)),
    );
    const share = y!.filter((v) => v > 0).length / count;
    expect(Math.abs(share - (1 - ratio))).toBeLessThan(0.05);
  });

  it('every other fused operator stands in the rows of the gradient checks', () => {
    for (const op of typedOperators('ortune')) expect(definitions.has(`ortune.${op}`)).toBe(true);
  });
});

/** The generator in plain integers. */
function kept(key: number[], id: number, element: number, ratio: number): boolean {
  const multipliers = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];
  const state = total(key.map((k, i) => Math.imul(k, multipliers[i]!))) + Math.imul(id, 0x165667b1);
  const permute = (z: number) => Math.imul(z, 2 * z + 1);
  const swap = (z: number) => (z << 16) | (z >>> 16);
  let z = Math.imul((element + state) | 0, 0x9e3779b1);
  z = swap(permute(z));
  z = swap((permute(z) + 0x7feb352d) | 0);
  z = (permute(z) + 0x846ca68b) | 0;
  return z >>> 0 >= Math.floor(ratio * 2 ** 32);
}

describe('lower', () => {
  const gelu = (dtype: 'float32' | 'float64') => {
    const x = Tensor.of(dtype, [1, 2]);
    return operatorGraph({ op: 'GeluGrad', domain: 'ortune', inputs: [x, x], attrs: { approximate: 'tanh' } }).graph;
  };

  it('keeps an operator that the device has', () => {
    const graph = gelu('float32');
    lower(graph, new Set(['ortune.GeluGrad']));
    expect(graph.nodes.map((n) => n.op)).toEqual(['GeluGrad']);
  });

  it('spells it out in other types than float32, which kernels compute in', () => {
    const graph = gelu('float64');
    lower(graph, new Set(['ortune.GeluGrad']));
    expect(graph.nodes.map((n) => n.op)).not.toContain('GeluGrad');
  });

  it('keeps the names of values and leaves out outputs that nobody reads', async () => {
    const inputs = [any(1, 2, 3), any(2, 2, 3), any(3, 3)];
    const { graph, feeds } = operatorGraph({ op: 'LayerNormalizationGrad', domain: 'ortune', inputs, outputs: 3 });
    const [node] = graph.nodes;
    node!.outputs = ['', '', node!.outputs[2]!];
    graph.outputs = graph.outputs.slice(2);
    lower(graph, new Set());
    expect(graph.nodes).toHaveLength(1);
    expect([...(await runStock(graph, feeds)).keys()]).toEqual([graph.outputs[0]!.name]);
  });

  it('names the copy of an input that is the answer', async () => {
    const { graph, feeds } = operatorGraph({ op: 'BiasGrad', domain: 'ortune', inputs: [any(1, 3)] });
    lower(graph, new Set());
    expect(graph.nodes.map((n) => n.op)).toEqual(['Identity']);
    expect((await runStock(graph, feeds)).get(graph.outputs[0]!.name)!.numbers()).toEqual(feeds.get('x0')!.numbers());
  });

  it('leaves a graph of standard operators alone', () => {
    const { graph } = operatorGraph({ op: 'Exp', inputs: [any(1, 3)] });
    const [node] = graph.nodes;
    lower(graph, new Set());
    expect(graph.nodes).toEqual([node]);
    expect(new Builder(graph).unique('new')).toBe('new');
  });
});
