// The losses of embeddings and the ways of pooling against sentence-transformers' own, in the graph that trains and as
// a saved file is measured.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { Slot, slotLayout } from '#ortune/data/slots.js';
import { UsageError } from '#ortune/errors.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { sentenceSimilarity } from '#ortune/tasks/sentence-similarity.js';
import { writePooling } from '#ortune/tasks/similarity/encode.js';
import { type LossName, takenOut } from '#ortune/tasks/similarity/losses.js';
import { writeCandidates, writeMask } from '#ortune/tasks/similarity/mask.js';
import { similarityLossOf } from '#ortune/tasks/similarity/measured-loss.js';
import type { Pooling } from '#ortune/tasks/similarity/modules.js';
import { openStock } from '../support/onnxruntime.js';

interface Case {
  loss: string;
  texts: number;
  pooling?: Pooling;
  normalize?: boolean;
  symmetric?: boolean;
  dims?: number[];
  scores?: number[];
  classes?: number[];
  scale?: number;
  margin?: number;
  value: number;
  dw: number[];
  dh: number[];
  curve: number[];
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/similarity/losses.json', import.meta.url), 'utf8')) as {
  batch: number;
  tokens: number;
  width: number;
  size: number;
  x: number[];
  w: number[];
  lengths: number[];
  cases: Case[];
};
const { batch, tokens, width, size, lengths } = golden;

const optionsOf = ({ loss, texts, pooling, normalize, symmetric, dims, scale, margin, classes }: Case) => ({
  ...sentenceSimilarity.options({
    task: 'sentence-similarity',
    textColumn: 'a',
    ...(classes ? { classColumn: 'b' } : { pairColumn: 'b' }),
    negativeColumns: texts > 2 ? ['c'] : [],
    similarityLoss: loss,
    ...{ symmetric, pooling, normalize, margin },
    similarityScale: scale,
    matryoshkaDims: dims,
  }),
  labelSmoothing: 0,
});

/** tanh(x · w) as the hidden states of the texts, their loss and its gradients. */
function graphOf(one: Case) {
  const rows = batch * one.texts;
  const b = new Builder(new Graph());
  const x = b.input('x', 'float32', [rows, tokens, width]);
  const w = b.input('w', 'float32', [width, size]);
  const hidden = b.op('Tanh', [b.op('MatMul', [x, w])]);
  const { loss, results } = sentenceSimilarity.loss(b, { hidden }, optionsOf(one));
  const gradients = backward(b, loss, ['w', hidden]);
  const outputs = [loss, gradients.get('w')!, gradients.get(hidden)!, results.embeddings!];
  b.graph.outputs = outputs.map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  lower(b.graph, new Set());
  return { graph: b.graph, outputs };
}

/** What the encoder writes beside the tokens. */
function feedsOf(one: Case): Map<string, Tensor> {
  const rows = batch * one.texts;
  const field = { name: 'pooling_weights', dtype: 'float32', shape: [rows, 'tokens'] } as const;
  const slot = new Slot(slotLayout([field], batch, { tokens: { buckets: [tokens] } }));
  writePooling(
    slot,
    { tokens },
    {
      rows: lengths.slice(0, rows).map((length) => ({ ids: Array.from({ length }, (_, i) => i) })),
      starts: (row) => row * tokens,
      pooling: one.pooling ?? 'mean',
      skip: () => 0,
    },
  );
  const { scores = [], classes } = one;
  const columns = one.loss === 'cosent' || classes ? batch : batch * (one.texts - 1);
  const [mask, positives] = [new Array<number>(batch * columns), new Array<number>(batch * batch).fill(0)];
  const into = (numbers: number[]) => ({
    set(i: number, value: number): void {
      numbers[i] = value;
    },
  });
  const normaliser = writeMask({ mask: into(mask), positives: into(positives) }, one.loss as LossName, {
    ...{ rows: batch, weights: new Array<number>(batch).fill(1), scores, classes: classes?.map(String) },
    columns: Array.from({ length: one.texts }, (_, k) => Array.from({ length: batch }, (_, i) => `${k} ${i}`)),
  });
  const floats = (values: readonly number[], shape: number[]) => Tensor.of('float32', [...values], shape);
  return new Map([
    ['x', floats(golden.x.slice(0, rows * tokens * width), [rows, tokens, width])],
    ['pooling_weights', floats([...(slot.field('pooling_weights', { tokens }) as Float32Array)], [rows, tokens])],
    ['sample_weights', floats(new Array<number>(batch).fill(1), [batch])],
    ['scores', floats(scores.length > 0 ? scores : [0], [Math.max(1, scores.length)])],
    ['pair_mask', floats(mask, [batch, columns])],
    ['positives', floats(positives, [batch, batch])],
    ['normaliser', floats([normaliser], [])],
  ]);
}

const close = (found: readonly number[], expected: readonly number[], tolerance: number): void => {
  const largest = Math.max(1e-3, ...expected.map(Math.abs));
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value) / largest).toBeLessThan(tolerance);
};

describe.each(golden.cases)('$loss of $texts texts, $pooling $dims $symmetric $margin', (one) => {
  test('loss, gradients and 20 steps of descent are those of sentence-transformers', async () => {
    const { graph, outputs } = graphOf(one);
    const session = await openStock(graph);
    const feeds = feedsOf(one);
    let { w } = golden;
    try {
      for (const [step, expected] of one.curve.entries()) {
        const found = await session.run(new Map([...feeds, ['w', Tensor.of('float32', w, [width, size])]]));
        const [loss, dw, dh, embeddings] = outputs.map((name) => found.get(name)!.numbers());
        close(loss!, [expected], step === 0 ? 1e-5 : 1e-3);
        if (step === 0) {
          close(dw!, one.dw, 1e-5);
          close(dh!, one.dh, 1e-5);
          const numbers = (name: string) => feeds.get(name)!.numbers();
          const measured = similarityLossOf(
            {
              ...{ embeddings: Float32Array.from(embeddings!), texts: one.texts, size },
              ...{ weights: numbers('sample_weights'), scores: numbers('scores'), mask: numbers('pair_mask') },
              positives: numbers('positives'),
            },
            optionsOf(one),
          );
          expect(measured / numbers('normaliser')[0]!).toBeCloseTo(one.value, 4);
        }
        w = w.map((value, i) => value - 0.05 * dw![i]!);
      }
    } finally {
      await session.release();
    }
  });
});

test('a leading part larger than the vectors is refused', () => {
  expect(() => graphOf({ ...golden.cases[0]!, dims: [size + 1] })).toThrow(UsageError);
  expect(() => graphOf({ ...golden.cases[0]!, dims: [size + 1] })).toThrow(/names 7, and the model's vectors have 6/);
});

test('a text that another sample has too is no negative, nor is what fills the batch up', () => {
  const mask: number[] = [];
  const writer = {
    set(i: number, value: number): void {
      mask[i] = value;
    },
  };
  const columns = [
    ['a', 'b', 'a'],
    ['x', 'y', 'z'],
    ['n', 'x', 'm'],
  ];
  writeCandidates(3, writer, columns, () => true);
  const out = (row: number): boolean[] => mask.slice(6 * row, 6 * row + 6).map((value) => value === takenOut);
  // Candidates: x n, y x, z m. Sample 2 has the anchor of sample 0, and the negative of sample 1 is the positive of 0.
  expect(out(0)).toEqual([false, false, false, true, true, false]);
  expect(out(1)).toEqual([false, false, false, false, false, false]);
  expect(out(2)).toEqual([true, false, false, false, false, false]);
  writeCandidates(3, writer, columns, (row) => row < 2);
  expect(out(1)).toEqual([false, false, false, false, true, true]);
});
