import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { ensureLanguageModelHead } from '#ortune/heads/language-model.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf, type Model } from '#ortune/onnx/model.js';
import type { ModelConfig } from '#ortune/transfer/config.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { encoders, fixture } from '../support/exported.js';
import { run } from '../support/transfer.js';

const classesOf = (model: Model, classes: number) =>
  ensureLanguageModelHead(model, { seed: 1, config: {}, nextSentence: false, classes });
const fit = (model: Model, nextSentence = false, config: ModelConfig = {}) =>
  ensureLanguageModelHead(model, { seed: 1, config, nextSentence });

describe.each(encoders)('an encoder without a head: %s by %s', (family, exporter) => {
  const model = openModel(fixture('headless', family, exporter));
  const vocabulary = 64;

  test('gets one that is tied to its word embedding, and trains it as one weight', async () => {
    const fitted = fit(model, false, { model_type: family });
    expect(fitted.change).toBe('added');
    expect(fitted.note).toMatch(/^added a language-model head tied to the word embedding/);
    const { logits } = await run(fitted.model);
    expect(logits!.dims).toEqual([2, 5, vocabulary]);
    expect(Array.from(logits!.data as Float32Array).every(Number.isFinite)).toBe(true);
    const { trainable } = chooseParameters(fitted.model, toGraph(fitted.model));
    const large = trainable.filter(({ shape }) => shape.includes(vocabulary));
    expect(large.map(({ shape }) => shape.length).sort()).toEqual([1, 2]);
    expect(graphOf(fitted.model).output.map(({ name }) => name)).toEqual(['logits']);
  });

  test('gets one for next sentences too', async () => {
    const fitted = fit(model, true);
    expect(fitted.note).toMatch(/ and a head that tells next sentences$/);
    const { seq_relationship_logits: pairs } = await run(fitted.model);
    expect(pairs!.dims).toEqual([2, 2]);
  });
});

describe.each(['bert', 'distilbert', 'roberta'])('a language model: %s', (family) => {
  const path = join(import.meta.dirname, `../fixtures/masked-lm/${family}-torchscript.onnx`);

  test('keeps its head', () => {
    const model = openModel(path);
    const fitted = fit(model);
    expect(fitted).toMatchObject({ change: 'kept', note: undefined });
    expect(graphOf(fitted.model).node).toEqual(graphOf(model).node);
  });

  test('is known by its vocabulary where its logits have another name', () => {
    const model = openModel(path);
    const { output, node } = graphOf(model);
    for (const n of node) n.output = n.output.map((name) => (name === 'logits' ? 'scores' : name));
    output[0]!.name = 'scores';
    expect(fit(model).change).toBe('kept');
  });

  test('gets a head for next sentences from the hidden states', async () => {
    const fitted = fit(openModel(path), true);
    expect(fitted).toMatchObject({ change: 'added', note: 'added a head that tells next sentences' });
    const { seq_relationship_logits: pairs, logits } = await run(fitted.model);
    expect([pairs!.dims, logits!.dims.length]).toEqual([[2, 2], 3]);
  });
});

test.each(['bert', 'distilbert', 'roberta'])(
  '%s gets a head for classes, and another for other classes',
  async (family) => {
    const path = join(import.meta.dirname, `../fixtures/masked-lm/${family}-torchscript.onnx`);
    const three = classesOf(openModel(path), 3);
    expect(three.note).toBe('added a head for 3 classes');
    const { class_logits: classes, logits } = await run(three.model);
    expect([classes!.dims, logits!.dims.length]).toEqual([[2, 3], 3]);
    expect(classesOf(three.model, 3).change).toBe('kept');
    const { model } = classesOf(three.model, 5);
    const last = graphOf(model).output.at(-1)!.name;
    expect((await run(model))[last]!.dims).toEqual([2, 5]);
  },
);

test('a classifier has no vector for each token', () => {
  const model = openModel(fixture('encoders', 'bert', 'torchscript'));
  expect(() => fit(model)).toThrow(ModelError);
  expect(() => fit(model)).toThrow(
    /a language model needs an output last_hidden_state, or logits.*found 'logits' of rank 2/,
  );
});

test('without a word embedding there is nothing to tie to', () => {
  const model = openModel(fixture('headless', 'bert', 'torchscript'));
  const graph = graphOf(model);
  const renamed = { ...model, proto: { ...model.proto, graph: { ...graph, node: graph.node.map((n) => ({ ...n })) } } };
  for (const node of renamed.proto.graph.node)
    node.input = node.input.map((name) => (name === 'input_ids' ? 'token_type_ids' : name));
  expect(() => fit(renamed as Model)).toThrow(/no Gather looks input_ids up in a matrix/);
});
