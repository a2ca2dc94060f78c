// The definitions of attention and its gradient against plain float64 loops over heads, queries and keys.

import { describe, expect, it } from 'vitest';
import { lower } from '#ortune/lower/lower.js';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { operatorGraph } from '../../autodiff/graphs.js';
import { runStock } from '../../support/onnxruntime.js';

const [B, H, T, S, d] = [2, 3, 4, 5, 2];
const C = H * d;
const scale = 0.75;
const key = Tensor.of('uint32', [7, 11, 2, 1]);
const mask = { ratio: float(0.25), id: 5 };

const any = (stream: number, ...shape: number[]) =>
  Tensor.of('float64', normals(6, stream, elementCount(shape)), shape);
const [q, k, v, dy] = [any(1, B, T, C), any(2, B, S, C), any(3, B, S, C), any(4, B, T, C)];

interface Given {
  bias?: Tensor;
  dropout?: boolean;
}

/** The operator's outputs by its definition; '' leaves out an output. */
async function run(op: string, inputs: (Tensor | undefined)[], { dropout }: Given, wanted: boolean[]) {
  const attrs: Record<string, AttrInput> = { heads: H, scale: float(scale), ...(dropout ? mask : {}) };
  const { graph, feeds } = operatorGraph({ op, domain: 'ortune', inputs, attrs, outputs: wanted.length });
  const [node] = graph.nodes;
  node!.outputs = node!.outputs.map((y, i) => (wanted[i] ? y : ''));
  graph.outputs = graph.outputs.filter((_, i) => wanted[i]);
  lower(graph, new Set());
  expect(graph.nodes.every((n) => n.domain === '')).toBe(true);
  const results = await runStock(graph, feeds);
  return graph.outputs.map(({ name }) => results.get(name)!.numbers());
}

const forward = (given: Given, wanted = [true, true], from = [q, k, v]) =>
  run('Attention', [...from, given.bias, given.dropout ? key : undefined], given, wanted);

/** The factor of every probability, by the definition of ortune.Dropout. */
async function factors(dropout: boolean | undefined): Promise<number[]> {
  const ones = Tensor.of('float64', new Float64Array(B * H * T * S).fill(1), [B, H, T, S]);
  if (!dropout) return ones.numbers();
  const { graph, feeds } = operatorGraph({ op: 'Dropout', domain: 'ortune', inputs: [ones, key], attrs: mask });
  const name = graph.outputs[0]!.name;
  lower(graph, new Set());
  return (await runStock(graph, feeds)).get(name)!.numbers();
}

const at = (x: Tensor, b: number, row: number, channel: number) => x.numbers()[(b * x.shape[1]! + row) * C + channel]!;
const total = (values: number[]) => values.reduce((a, x) => a + x, 0);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** The biased scores of one head and query against every key. */
function scores(b: number, h: number, t: number, bias: Tensor | undefined): number[] {
  const add = (s: number) => {
    if (!bias) return 0;
    const index = [b, h, t, s].reduce((flat, i, axis) => {
      const size = bias.shape[axis]!;
      return flat * size + (size === 1 ? 0 : i);
    }, 0);
    return bias.numbers()[index]!;
  };
  return range(S).map(
    (s) => scale * total(range(d).map((i) => at(q, b, t, h * d + i) * at(k, b, s, h * d + i))) + add(s),
  );
}

/** y, the statistics and the gradients, written out. */
async function reference({ bias, dropout }: Given) {
  const factor = await factors(dropout);
  const [y, stats] = [new Float64Array(B * T * C), new Float64Array(B * H * T * 2)];
  const [dq, dk, dv] = [new Float64Array(B * T * C), new Float64Array(B * S * C), new Float64Array(B * S * C)];
  for (const b of range(B))
    for (const h of range(H))
      for (const t of range(T)) {
        const row = (b * H + h) * T + t;
        const s = scores(b, h, t, bias);
        const top = Math.max(...s);
        const r = 1 / total(s.map((x) => Math.exp(x - top)));
        const p = s.map((x) => Math.exp(x - top) * r);
        const f = factor.slice(row * S, (row + 1) * S);
        stats.set([top, r], row * 2);
        const column = (i: number) => h * d + i;
        const dp = f.map((x, j) => x * total(range(d).map((i) => at(dy, b, t, column(i)) * at(v, b, j, column(i)))));
        const along = total(dp.map((x, j) => x * p[j]!));
        for (const j of range(S))
          for (const c of range(d).map(column)) {
            const ds = scale * p[j]! * (dp[j]! - along);
            const [query, other] = [(b * T + t) * C + c, (b * S + j) * C + c];
            y[query]! += p[j]! * f[j]! * at(v, b, j, c);
            dv[other]! += p[j]! * f[j]! * at(dy, b, t, c);
            dq[query]! += ds * at(k, b, j, c);
            dk[other]! += ds * at(q, b, t, c);
          }
      }
  return { y: Array.from(y), stats: Array.from(stats), gradients: [dq, dk, dv].map((x) => Array.from(x)) };
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, x] of found.entries()) expect(x).toBeCloseTo(expected[i]!, 6);
}

const cases: [string, Given][] = [
  ['plain', {}],
  ['a bias per key', { bias: any(5, B, 1, 1, S) }],
  ['a bias per head, query and key', { bias: any(5, 1, H, T, S) }],
  ['dropout', { dropout: true }],
  ['a bias and dropout', { bias: any(5, B, 1, T, S), dropout: true }],
];

describe.each(cases)('attention with %s', (_, given) => {
  it('is softmax of the scaled scores, dropped, times v, with its statistics', async () => {
    const [y, stats] = await forward(given);
    const expected = await reference(given);
    expectClose(y!, expected.y);
    expectClose(stats!, expected.stats);
  });

  it('has the gradients of q, k and v, each on its own too', async () => {
    const { y, stats, gradients } = await reference(given);
    const inputs = [
      ...[dy, q, k, v, given.bias, given.dropout ? key : undefined],
      ...[Tensor.of('float64', y, [B, T, C]), Tensor.of('float64', stats, [B, H, T, 2])],
    ];
    const all = await run('AttentionGrad', inputs, given, [true, true, true]);
    for (const [i, found] of all.entries()) expectClose(found, gradients[i]!);
    for (const i of range(3)) {
      const [alone] = await run(
        'AttentionGrad',
        inputs,
        given,
        range(3).map((j) => j === i),
      );
      expectClose(alone!, gradients[i]!);
    }
  });
});

it('attends evenly where every score is the lowest number', async () => {
  const bias = Tensor.of('float32', new Float32Array(S).fill(-3.4028234663852886e38), [1, 1, 1, S]);
  const single = [q, k, v].map((x) => Tensor.of('float32', x.numbers(), x.shape));
  const [y] = await forward({ bias }, [true, false], single);
  const mean = (b: number, c: number) => total(range(S).map((s) => at(v, b, s, c))) / S;
  for (const [i, x] of y!.entries()) expect(x).toBeCloseTo(mean(Math.floor(i / (T * C)), i % C), 5);
});
