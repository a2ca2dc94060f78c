// Every operator that is spelled out in standard ones: its outputs are those of the runtime's own kernel, or PyTorch's
// where the runtime has none on the CPU, and gradients through it agree with central differences.

import { describe, expect, it } from 'vitest';
import { gradcheck } from '#ortune/check/gradcheck.js';
import { toAttr } from '#ortune/onnx/builder.js';
import { definedOperators } from '#ortune/onnx/defined/table.js';
import { isFloat } from '#ortune/onnx/dtype.js';
import { Graph, operatorKey } from '#ortune/onnx/graph.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { openStock, runStock } from '../support/onnxruntime.js';
import type { DefinedRow } from './defined-row.js';
import { definedRows } from './defined-rows.js';

/** The node over its inputs, as a file has it; floats are fed, and so is what the row says. */
function fileGraph({
  op,
  domain = '',
  inputs,
  attrs = {},
  types = ['float32'],
  constants = [],
  fed = [],
  opset = 21,
}: DefinedRow) {
  const graph = new Graph();
  graph.opset = opset;
  const feeds = new Map<string, Tensor>();
  const names = inputs.map((tensor, i) => {
    if (!tensor) return '';
    const { dtype, shape } = tensor;
    if ((isFloat(dtype) && !constants.includes(i)) || fed.includes(i)) {
      graph.inputs.push({ name: `x${i}`, dtype, shape: [...shape] });
      feeds.set(`x${i}`, tensor);
    } else graph.initializers.set(`x${i}`, tensor);
    return `x${i}`;
  });
  const outputs = types.map((type, i) => (type ? `y${i}` : ''));
  const attributes = new Map(Object.entries(attrs).map(([name, value]) => [name, toAttr(value)]));
  graph.nodes.push({ name: 'it', op, domain, inputs: names, outputs, attrs: attributes });
  graph.outputs = types.flatMap((dtype, i) => (dtype ? [{ name: `y${i}`, dtype, shape: undefined }] : []));
  return { graph, feeds };
}

const expectedOf = ({ expected }: DefinedRow) => expected && new Map(expected.map((tensor, i) => [`y${i}`, tensor]));

describe('what is spelled out of', () => {
  for (const [i, row] of definedRows.entries()) {
    const name = `${operatorKey({ op: row.op, domain: row.domain ?? '' })}${row.what ? `, ${row.what}` : ''}`;
    it(`${name} computes what is expected, and has its gradient (${i})`, async () => {
      const { graph, feeds } = fileGraph(row);
      const shapes = Object.fromEntries([...feeds].map(([input, { shape }]) => [input, shape]));
      const spelled = specialize(graph, shapes);
      spelled.opset = 21;
      expect(spelled.nodes.filter((node) => definedOperators.has(operatorKey(node)))).toEqual([]);
      const used = new Map([...feeds].filter(([input]) => spelled.inputs.some((v) => v.name === input)));
      const wanted = row.noKernel === undefined ? await runStock(graph, feeds) : expectedOf(row);
      if (wanted) {
        const found = await runStock(spelled, used);
        for (const [output, tensor] of wanted) {
          const [a, b] = [tensor.numbers(), found.get(output)!.numbers()];
          expect(found.get(output)!.shape).toEqual(tensor.shape);
          expect(Math.max(...a.map((v, k) => Math.abs(v - b[k]!)))).toBeLessThan(
            2e-6 * Math.max(1, ...a.map(Math.abs)),
          );
        }
      }
      const wrt = [...used].filter(
        ([input, { dtype }]) => isFloat(dtype) && !row.unchecked?.includes(Number(input.slice(1))),
      );
      const result = await gradcheck(
        spelled,
        wrt.map(([input]) => input),
        { open: openStock, inputs: used, tolerance: 3e-4, seed: 7 },
      );
      expect(result.checked).toBeGreaterThan(0);
      expect(result.parameters.filter((p) => p.notMeasurable || !(p.relativeError <= 3e-4))).toEqual([]);
    });
  }
});

it('every operator of the table has a row', () => {
  const checked = new Set(definedRows.map(({ op, domain = '' }) => operatorKey({ op, domain })));
  expect([...definedOperators.keys()].filter((key) => !checked.has(key))).toEqual([]);
});

describe('what a definition lacks is refused by name:', () => {
  const spell = (row: DefinedRow) => {
    const { graph, feeds } = fileGraph(row);
    return () => specialize(graph, Object.fromEntries([...feeds].map(([input, { shape }]) => [input, shape])));
  };
  const x = (...shape: number[]) => Tensor.of('float32', new Float32Array(shape.reduce((n, d) => n * d, 1)), shape);
  const integer = (...values: number[]) => Tensor.of('int32', values);
  const domain = 'com.microsoft';
  it.each<[string, DefinedRow, RegExp]>([
    [
      'an attribute',
      { op: 'Attention', domain, inputs: [x(1, 2, 4), x(4, 12)], attrs: { num_heads: 2, do_rotary: 1 } },
      /node 'it' \(com\.microsoft\.Attention\): attribute 'do_rotary' is 1, expected 0; export the model without it/,
    ],
    [
      'an input',
      {
        op: 'GroupQueryAttention',
        domain,
        inputs: [
          x(1, 2, 4),
          x(1, 2, 4),
          x(1, 2, 4),
          undefined,
          undefined,
          integer(1),
          integer(2),
          ...Array(5).fill(undefined),
          x(1),
        ],
        attrs: { num_heads: 2, kv_num_heads: 2 },
      },
      /it has input 12, a quantised past; export the model without it/,
    ],
    [
      'an output',
      {
        op: 'MultiHeadAttention',
        domain,
        inputs: [x(1, 2, 4), x(1, 2, 4), x(1, 2, 4)],
        attrs: { num_heads: 2 },
        types: ['float32', '', '', 'float32'],
      },
      /it has output 3, which ortune does not make/,
    ],
    [
      'a past of grouped queries',
      {
        op: 'GroupQueryAttention',
        domain,
        inputs: [x(1, 2, 4), x(1, 2, 4), x(1, 2, 4), x(1, 2, 3, 2), x(1, 2, 3, 2), integer(4), integer(5)],
        attrs: { num_heads: 2, kv_num_heads: 2 },
      },
      /past_key is 3 tokens long; only whole sequences are known here/,
    ],
    [
      'an activation',
      { op: 'FusedGemm', domain, inputs: [x(1, 2), x(2, 2)], attrs: { activation: 'Wave' } },
      /attribute 'activation' is 'Wave', which ortune does not know/,
    ],
    [
      'heads that do not divide',
      { op: 'Attention', inputs: [x(1, 2, 5), x(1, 2, 4), x(1, 2, 4)], attrs: { q_num_heads: 2, kv_num_heads: 2 } },
      /input 0 \[1,2,5\] does not split into 2 heads/,
    ],
  ])('%s', (_, row, message) => expect(spell(row)).toThrow(message));
});

// T5Attention._relative_position_bucket of transformers 5.18.0 for 16 buckets, a distance of 40 and 60 tokens: the rows
// of queries 0, 30 and 59, as runs of buckets.
it.each<[number, string[]]>([
  [
    1,
    [
      '0x1 9x1 10x1 11x1 12x4 13x5 14x10 15x37',
      '7x8 6x10 5x5 4x4 3x1 2x1 1x1 0x1 9x1 10x1 11x1 12x4 13x5 14x10 15x7',
      '7x37 6x10 5x5 4x4 3x1 2x1 1x1 0x1',
    ],
  ],
  [
    0,
    [
      '0x60',
      '14x4 13x5 12x4 11x3 10x3 9x2 8x2 7x1 6x1 5x1 4x1 3x1 2x1 1x1 0x30',
      '15x27 14x6 13x5 12x4 11x3 10x3 9x2 8x2 7x1 6x1 5x1 4x1 3x1 2x1 1x1 0x1',
    ],
  ],
])('the buckets of RelativePositionBias are those of T5 (is_bidirectional %i)', async (both, expected) => {
  const table = Tensor.of(
    'float32',
    Float32Array.from({ length: 16 }, (_, i) => i),
    [16, 1],
  );
  const lengths = Tensor.of('int64', [60]);
  const attrs = { max_distance: 40, is_bidirectional: both };
  const row = { op: 'RelativePositionBias', domain: 'com.microsoft', inputs: [table, lengths, lengths], attrs };
  const { graph, feeds } = fileGraph(row);
  const found = (await runStock(specialize(graph, { x0: [16, 1] }), feeds)).get('y0')!;
  expect(found.shape).toEqual([1, 1, 60, 60]);
  const runs = (values: readonly number[]): string =>
    values
      .flatMap((v, i) =>
        v === values[i - 1] ? [] : [`${v}x${[...values, -1].findIndex((w, k) => k > i && w !== v) - i}`],
      )
      .join(' ');
  expect([0, 30, 59].map((query) => runs(found.numbers().slice(60 * query, 60 * query + 60)))).toEqual(expected);
});
