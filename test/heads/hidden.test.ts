// A language model becomes a classifier: its head is found behind the logits and taken off. The heads are PyTorch's,
// ortune's own on exported trunks, and that of the encoder builder.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureHead } from '#ortune/heads/classification.js';
import { findHidden } from '#ortune/heads/hidden.js';
import { ensureLanguageModelHead } from '#ortune/heads/language-model.js';
import { buildEncoder, type EncoderOptions } from '#ortune/models/encoder.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { dimensions } from '#ortune/onnx/file/surgery.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type Exporter, encoders, exporters, fixture } from '../support/exported.js';
import { built, run } from '../support/transfer.js';

type Model = ReturnType<typeof openModel>;

const logitsOf = async (model: Model) => (await run(model)).logits!;

describe.each(encoders)('a language model: %s by %s', (family, exporter) => {
  const config = { model_type: family };
  const trunk = openModel(fixture('headless', family, exporter));
  const { model } = ensureLanguageModelHead(trunk, { seed: 1, config, nextSentence: false });

  test('has its hidden states behind the head', () => {
    const { info, last, transformed } = findHidden(model, graphOf(model).output[0]!);
    expect(info.name).toBe('last_hidden_state');
    expect(dimensions(info)!.at(-1)).toBe(16);
    expect([last.outputs, transformed]).toEqual([64, true]);
  });

  test('becomes a classifier by the head of its family', async () => {
    const { model: fitted, change, note } = ensureHead(model, { labels: 3, seed: 7, config });
    expect(change).toBe('replaced');
    expect(note).toMatch(
      /^replaced the language-model head '.*' \(64 outputs\) by a head for 3 classes: first token, /,
    );
    const choice = chooseParameters(fitted, toGraph(fitted));
    expect(choice).toMatchObject({ leftOut: [] });
    expect(choice.trainable.some(({ name }) => /lm_head|predictions|vocab_/.test(name))).toBe(false);
    const logits = await logitsOf(fitted);
    expect(logits.dims).toEqual([2, 3]);
    if (family === 'bert' || family === 'albert') return; // their trunk has a pooler, which the language model lost
    const direct = await logitsOf(ensureHead(trunk, { labels: 3, seed: 7, config }).model);
    expect(logits.data).toEqual(direct.data);
  });
});

const exports = (['bert', 'bert-pretraining', 'distilbert', 'roberta'] as const).flatMap((family) =>
  exporters.map((exporter): [string, Exporter] => [family, exporter]),
);

describe.each(exports)('an exported language model: %s by %s', (family, exporter) => {
  const model = openModel(join(import.meta.dirname, `../fixtures/masked-lm/${family}-${exporter}.onnx`));
  const config = { model_type: family.split('-')[0]! };

  test('becomes a classifier of the hidden states of its last layer', async () => {
    const { node, output } = graphOf(model);
    const { info, last } = findHidden(model, output.find((o) => dimensions(o)!.length === 3)!);
    const end =
      exporter === 'torchscript'
        ? node.findLast(({ name }) => name.includes('/layer.1/'))!
        : node.filter(({ opType }) => opType === 'LayerNormalization').at(-2)!;
    expect([info.name, last.outputs]).toEqual([end.output[0], 320]);
    const { model: fitted, note } = ensureHead(model, { labels: 3, seed: 7, config });
    const start = family === 'bert-pretraining' ? 'pooler output, classifier' : 'first token, ';
    expect(note).toMatch(
      new RegExp(`^replaced the language-model head '.*' \\(320 outputs\\) by a head for 3 classes: ${start}`),
    );
    const { trainable, leftOut } = chooseParameters(fitted, toGraph(fitted));
    expect(leftOut).toEqual([]);
    // A tied embedding may have the decoder's name; nothing else of the head is left.
    const ofHead =
      /(predictions\.|vocab_)transform|lm_head\.(dense|layer_norm|bias)|vocab_layer_norm|decoder\.bias|seq_/;
    expect(trainable.filter(({ alias }) => ofHead.test(alias))).toEqual([]);
    expect((await logitsOf(fitted)).dims).toEqual([2, 3]);
  });
});

describe('a built language model', () => {
  const small: EncoderOptions = { layers: 1, hidden: 16, heads: 2, vocabulary: 40, positions: 16 };
  const config = { model_type: 'bert' };

  test.each(['float32', 'float16'] as const)('stored in %s gives the classifier of its trunk', async (storage) => {
    const [bare, whole] = (['none', 'language-model'] as const).map((head) =>
      ensureHead(built(buildEncoder({ ...small, storage, head })), { labels: 2, seed: 3, config }),
    );
    expect([bare!.change, whole!.change]).toEqual(['added', 'replaced']);
    expect((await logitsOf(whole!.model)).data).toEqual((await logitsOf(bare!.model)).data);
  });

  test('that tells next sentences keeps its pooler', () => {
    const paired = ensureLanguageModelHead(built(buildEncoder({ ...small, head: 'none' })), {
      seed: 1,
      config,
      nextSentence: true,
    });
    const { model, note } = ensureHead(paired.model, { labels: 2, seed: 3, config });
    expect(note).toMatch(/language-model head .* by a head for 2 classes: pooler output, classifier$/);
    const names = chooseParameters(model, toGraph(model)).trainable.map(({ name }) => name);
    expect(names.slice(-4)).toEqual([
      'cls.seq_relationship.dense.weight',
      'cls.seq_relationship.dense.bias',
      'classifier.weight',
      'classifier.bias',
    ]);
  });
});

/** x[B, T, 4] → what `build` makes of it → logits [B, T, 3]. */
function scored(build: (w: TorchScriptWriter, x: string) => string): Model {
  const w = new TorchScriptWriter(17);
  const ids = w.input('input_ids', 'int64', ['batch', 'sequence']);
  const x = w.op('/words', 'Gather', [w.weight('words', [40, 4], new Float32Array(160).fill(0.1)), ids]);
  const y = build(w, x);
  w.op('/head', 'MatMul', [y, w.weight('head', [4, 3], new Float32Array(12).fill(0.1))], {}, 'logits');
  w.output('logits', 'float32', ['batch', 'sequence', 3]);
  return built(w.finish());
}

const dense = (w: TorchScriptWriter, name: string, x: string): string =>
  w.op(`/${name}`, 'MatMul', [x, w.weight(name, [4, 4], new Float32Array(16).fill(0.1))]);

test.each<[string, string, (w: TorchScriptWriter, x: string) => string]>([
  ['nothing', '/words/Gather_output_0', (_, x) => x],
  ['a residual', '/sum/Add_output_0', (w, x) => w.op('/sum', 'Add', [dense(w, 'a', x), x])],
  ['two layers side by side', '/sum/Add_output_0', (w, x) => w.op('/sum', 'Add', [dense(w, 'a', x), dense(w, 'b', x)])],
  ['tokens that are mixed', '/mix/Softmax_output_0', (w, x) => w.op('/mix', 'Softmax', [dense(w, 'a', x)])],
])('a head behind %s has no transform', async (_, hidden, build) => {
  const model = scored(build);
  const found = findHidden(model, graphOf(model).output[0]!);
  expect([found.info.name, found.transformed]).toEqual([hidden, false]);
  const { model: fitted, note } = ensureHead(model, { labels: 2, seed: 0 });
  expect(note).toMatch(/^replaced the head over every token 'head' \(3 outputs\) by a head for 2 classes/);
  expect((await logitsOf(fitted)).dims).toEqual([2, 2]);
});
