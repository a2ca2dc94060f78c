// The graph of the loss of texts to texts: logits at the tokens of targets that count, and at no others, some at a
// time.

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compileGraph } from '#ortune/compile/compile.js';
import { bytesTogether } from '#ortune/lower/memory.js';
import { joinModels, openFiles } from '#ortune/onnx/join.js';
import { countedAxisOf, countedLength } from '#ortune/tasks/counted-tokens.js';
import { seq2seq } from '#ortune/tasks/seq2seq.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';

const [batch, sources, length, counted] = [3, 12, 24, 16];

/** With the parameters of T5, Marian and BART, whose last products have biases or none. */
function compiled(family: string, mode: 'train' | 'evaluate', places: number, more = {}) {
  const path = fileURLToPath(new URL(`../fixtures/seq2seq/${family}`, import.meta.url));
  const model = joinModels(seq2seq.parts, openFiles(path, seq2seq.parts));
  const { graph } = model;
  const shapes = { input_ids: [batch, sources], attention_mask: [batch, sources], decoder_input_ids: [batch, length] };
  graph.outputs = graph.outputs.filter(({ name }) => name === 'logits');
  const vocabulary = graph.outputs[0]!.shape!.at(-1) as number;
  const { trainable } = chooseParameters(model, graph);
  const made = compileGraph(
    graph,
    { shapes, mode, fields: { target_positions: [places] } },
    {
      trained: new Set(trainable.map(({ name }) => name)),
      frozen: new Set(),
      dropout: { hidden: 0, attention: 0, head: 0 },
      labelSmoothing: 0.1,
      task: { name: 'seq2seq', options: { prefix: '', ...more } },
      family,
      kernels: new Set(),
    },
  );
  return { ...made, vocabulary };
}

describe.each(['t5', 'marian', 'bart'])('%s', (family) => {
  it.each(['train', 'evaluate'] as const)('computes logits at as many tokens as count, in mode %s', (mode) => {
    const { graph, vocabulary } = compiled(family, mode, counted);
    const values = graph.nodes.flatMap(({ outputs }) => outputs.filter(Boolean));
    const wide = values.map((name) => graph.shape(name)).filter((shape) => shape.at(-1) === vocabulary);
    expect(wide.some(([rows]) => rows === counted)).toBe(true);
    expect(wide.filter((shape) => shape.length > 2 || shape[0] === batch * length)).toEqual([]);
  });

  it('computes logits of many tokens a few at a time, in much less memory', () => {
    const bytes = (mostLogits?: number): number => {
      const { graph, trained, gradients } = compiled(family, 'train', 4096, mostLogits ? { mostLogits } : {});
      return bytesTogether([{ graph, bound: new Set([...trained, ...gradients.values()]) }], 'cpu');
    };
    const { vocabulary } = compiled(family, 'train', counted);
    expect(bytes() - bytes(512 * vocabulary)).toBeGreaterThan(4 * 4096 * vocabulary);
  });
});

it('there is room for an eighth, a third, two thirds or all of the tokens', () => {
  expect(countedAxisOf([24, 48])).toEqual({ buckets: [3, 6, 8, 16, 24, 32, 48] });
  const rows = (tokens: number) => [{ places: [], ids: Array(tokens).fill(5), weight: 1, bytes: 1 }];
  expect([1, 6, 7, 17, 48].map((tokens) => countedLength(24, 2, rows(tokens)))).toEqual([3, 3, 8, 16, 24]);
});
