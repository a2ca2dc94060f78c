import type * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { ensureHead } from '#ortune/heads/classification.js';
import { findVector } from '#ortune/heads/hidden.js';
import { buildEncoder, type EncoderOptions } from '#ortune/models/encoder.js';
import { copyOfGraph, dimensions, withShape } from '#ortune/onnx/file/surgery.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import type { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { encoders, fixture } from '../support/exported.js';
import { built, run } from '../support/transfer.js';

type Model = ReturnType<typeof openModel>;

const weight = (model: Model, name: string): Float32Array =>
  toGraph(model).initializers.get(name)!.data() as Float32Array;

describe.each(encoders)('a classifier: %s by %s', (family, exporter) => {
  const model = openModel(fixture('encoders', family, exporter));
  const heads = chooseParameters(model, toGraph(model)).trainable.filter((p) => p.head && p.shape.length === 2);
  const last = heads.at(-1)!.name;

  test('keeps a head that fits', () => {
    expect(ensureHead(model, { labels: 3, seed: 1 })).toEqual({ model, change: 'kept', note: undefined });
  });

  test('gets a last layer for another number of classes, drawn from the seed, and nothing else', async () => {
    const { model: fitted, change, note } = ensureHead(model, { labels: 5, seed: 1 });
    expect(change).toBe('replaced');
    expect(note).toContain('3 classes became 5');
    expect(dimensions(graphOf(fitted).output[0]!)!.at(-1)).toBe(5);
    const { logits } = await run(fitted);
    expect(logits!.dims).toEqual([2, 5]);
    const drawn = weight(fitted, last);
    expect(drawn).toHaveLength(5 * 32);
    const deviation = Math.sqrt(drawn.reduce((sum, x) => sum + x * x, 0) / drawn.length);
    expect(deviation).toBeGreaterThan(0.016);
    expect(deviation).toBeLessThan(0.024);
    expect(weight(ensureHead(model, { labels: 5, seed: 1 }).model, last)).toEqual(drawn);
    expect(weight(ensureHead(model, { labels: 5, seed: 2 }).model, last)).not.toEqual(drawn);
    const names = ({ trainable }: ReturnType<typeof chooseParameters>) => trainable.map(({ alias }) => alias).sort();
    expect(names(chooseParameters(fitted, toGraph(fitted)))).toEqual(names(chooseParameters(model, toGraph(model))));
    expect(dimensions(graphOf(model).output[0]!)!.at(-1)).toBe(3);
  });
});

const heads: Record<string, string[]> = {
  bert: ['classifier.weight', 'classifier.bias'],
  albert: ['classifier.weight', 'classifier.bias'],
  distilbert: ['pre_classifier.weight', 'pre_classifier.bias', 'classifier.weight', 'classifier.bias'],
};
const denseHead = [
  'classifier.dense.weight',
  'classifier.dense.bias',
  'classifier.out_proj.weight',
  'classifier.out_proj.bias',
];

describe.each(encoders)('a trunk: %s by %s', (family, exporter) => {
  const model = openModel(fixture('headless', family, exporter));
  const config = { model_type: family, initializer_range: 0.5 };

  test('gets the head of its family', async () => {
    const { model: fitted, change } = ensureHead(model, { labels: 3, seed: 7, config });
    expect(change).toBe('added');
    expect(graphOf(fitted).output.map(({ name }) => name)).toEqual(['logits']);
    const { trainable } = chooseParameters(fitted, toGraph(fitted));
    const head = heads[family] ?? denseHead;
    expect(trainable.filter((p) => p.head).map(({ name }) => name)).toEqual(head);

    const before = await run(model);
    const { logits } = await run(fitted);
    expect(logits!.dims).toEqual([2, 3]);
    const hidden = before.last_hidden_state!.data as Float32Array;
    for (let row = 0; row < 2; row++) {
      let x = Array.from(hidden.slice(row * 5 * 16, row * 5 * 16 + 16));
      if (before.pooler_output && (family === 'bert' || family === 'albert'))
        x = Array.from((before.pooler_output.data as Float32Array).slice(row * 16, row * 16 + 16));
      const layers = head.filter((name) => name.endsWith('.weight')).map((name) => weight(fitted, name));
      for (const [i, w] of layers.entries()) {
        x = Array.from({ length: w.length / 16 }, (_, o) => x.reduce((sum, v, c) => sum + v * w[o * 16 + c]!, 0));
        if (i < layers.length - 1) x = x.map(family === 'distilbert' ? relu : family === 'electra' ? gelu : Math.tanh);
      }
      for (const [c, value] of x.entries()) expect(logits!.data[row * 3 + c]).toBeCloseTo(value, 4);
    }
  });

  test('of an unknown family gets the pooler, or the mean over the tokens that the mask shows', async () => {
    const { model: fitted, note } = ensureHead(model, { labels: 2, seed: 7 });
    const hasPooler = graphOf(model).output.length > 1;
    expect(note).toContain(hasPooler ? 'pooler output' : 'mean over the tokens');
    const { logits } = await run(fitted);
    expect(logits!.dims).toEqual([2, 2]);
    if (hasPooler) return;
    const hidden = (await run(model)).last_hidden_state!.data as Float32Array;
    const w = weight(fitted, 'classifier.weight');
    for (const [row, tokens] of [5, 2].entries()) {
      const mean = Array.from({ length: 16 }, (_, c) => {
        let sum = 0;
        for (let t = 0; t < tokens; t++) sum += hidden[(row * 5 + t) * 16 + c]!;
        return sum / tokens;
      });
      const value = mean.reduce((sum, x, c) => sum + x * w[c]!, 0);
      expect(logits!.data[row * 2]).toBeCloseTo(value, 5);
    }
  });
});

describe.each(encoders)('hidden layers of a head: %s by %s', (family, exporter) => {
  const config = { model_type: family, initializer_range: 0.5 };
  const layers = [8, 4];
  const hiddenNames = ['classifier.hidden.0', 'classifier.hidden.1', 'classifier.out_proj'];
  const headNames = hiddenNames.flatMap((name) => [`${name}.weight`, `${name}.bias`]);
  const activation = family === 'distilbert' ? relu : family === 'electra' ? gelu : Math.tanh;

  /** Classes of one text's vector by the new layers. */
  function classify(fitted: Model, vector: number[]): number[] {
    return hiddenNames.reduce((x, name, i) => {
      const w = weight(fitted, `${name}.weight`);
      const y = Array.from({ length: w.length / x.length }, (_, o) =>
        x.reduce((sum, v, c) => sum + v * w[o * x.length + c]!, 0),
      );
      return i < layers.length ? y.map(activation) : y;
    }, vector);
  }

  const row = (tensor: ort.Tensor, size: number, at = 0): number[] =>
    Array.from((tensor.data as Float32Array).slice(at, at + size));

  test('stand before the classifier of a trunk, in place of the layer of its family', async () => {
    const model = openModel(fixture('headless', family, exporter));
    const { model: fitted, change } = ensureHead(model, { labels: 3, seed: 7, layers, config });
    expect(change).toBe('added');
    const { trainable } = chooseParameters(fitted, toGraph(fitted));
    expect(trainable.filter((p) => p.head).map(({ name }) => name)).toEqual(headNames);
    expect(trainable.filter((p) => p.head && p.shape.length === 2).map(({ shape }) => shape)).toEqual([
      [8, 16],
      [4, 8],
      [3, 4],
    ]);
    const before = await run(model);
    const pooled =
      before.pooler_output && (family === 'bert' || family === 'albert') ? before.pooler_output : undefined;
    const expected = classify(fitted, row(pooled ?? before.last_hidden_state!, 16));
    const { logits } = await run(fitted);
    for (const [c, value] of expected.entries()) expect(logits!.data[c]).toBeCloseTo(value, 4);
  });

  test('start from the vector of a head that there is, also where it fits', async () => {
    const model = openModel(fixture('encoders', family, exporter));
    const { model: fitted, change, note } = ensureHead(model, { labels: 3, seed: 7, layers, config });
    expect(change).toBe('replaced');
    expect(note).toMatch(
      /^replaced the last layer '.*' by a head for 3 classes: the old head's vector, classifier\.hidden\.0/,
    );
    const { trainable, leftOut } = chooseParameters(fitted, toGraph(fitted));
    expect(leftOut).toEqual([]);
    expect(trainable.slice(-6).map(({ name }) => name)).toEqual(headNames);
    const { info } = findVector(model, graphOf(model).output[0]!);
    const shown = copyOfGraph(model);
    graphOf(shown).output.push(info);
    const expected = classify(fitted, row((await run(shown))[info.name]!, 32));
    const { logits } = await run(fitted);
    for (const [c, value] of expected.entries()) expect(logits!.data[c]).toBeCloseTo(value, 4);
  });
});

const relu = (x: number): number => Math.max(x, 0);
/** Error function by its series; good to 1e-7 for the small numbers here. */
const gelu = (x: number): number => {
  let term = x / Math.SQRT2;
  let erf = 0;
  for (let n = 0; n < 60; n++) {
    erf += term / (2 * n + 1);
    term *= -(x * x) / 2 / (n + 1);
  }
  return x * (0.5 + erf / Math.sqrt(Math.PI));
};

describe('refused', () => {
  const open = (change: (graph: ReturnType<typeof graphOf>) => void) => {
    const model = openModel(fixture('encoders', 'bert', 'torchscript'));
    change(graphOf(model));
    return () => ensureHead(model, { labels: 4, seed: 0 });
  };

  test('logits of a rank that is neither a text nor its tokens', () => {
    const many = open((graph) => {
      const value = graph.output[0]!.type!.value;
      const dim = value.case === 'tensorType' ? value.value.shape!.dim : [];
      dim.push(dim[0]!, dim[0]!);
    });
    expect(many).toThrow(ModelError);
    expect(many).toThrow(/logits of shape \[batch, classes\], or .* of a language model; found 'logits' of rank 4/);
  });

  test('logits that do not come from a linear layer', () => {
    const softmax = open((graph) => {
      const last = graph.node.at(-1)!;
      last.opType = 'Softmax';
    });
    expect(softmax).toThrow(
      /output 'logits' comes from Softmax '\/classifier\/Gemm', and a loss takes the logits before it/,
    );
  });

  test('a weight that is computed', () => {
    const computed = open((graph) => {
      graph.node.at(-1)!.input[1] = '/bert/pooler/Gather_output_0';
    });
    expect(computed).toThrow(/found Gemm/);
  });

  test('outputs of unknown meaning', () => {
    const unknown = open((graph) => {
      graph.output.push({ ...graph.output[0]!, name: 'second' });
      graph.output[0]!.name = 'first';
    });
    expect(unknown).toThrow(
      /expected an output named logits, last_hidden_state or pooler_output; found 'first' of rank 2, 'second'/,
    );
  });

  test('a trunk whose width is not known', () => {
    const wide = openModel(fixture('headless', 'electra', 'torchscript'));
    const value = graphOf(wide).output[0]!.type!.value;
    if (value.case === 'tensorType') value.value.shape!.dim[2]!.value = { case: 'dimParam', value: 'hidden' };
    expect(() => ensureHead(wide, { labels: 2, seed: 0 })).toThrow(/size of output 'last_hidden_state' is not known/);
    const config = { model_type: 'electra', hidden_size: 16 };
    expect(ensureHead(wide, { labels: 2, seed: 0, config }).change).toBe('added');
  });
});

test('a weight that something else reads stays with its other reader', async () => {
  const model = openModel(fixture('encoders', 'bert', 'torchscript'));
  const graph = graphOf(model);
  const gemm = graph.node.at(-1)!;
  graph.node.push({ ...gemm, name: 'twin', output: ['twin'] });
  graph.output.push({ ...graph.output[0]!, name: 'twin' });
  const { model: fitted } = ensureHead(model, { labels: 5, seed: 0 });
  const { logits, twin } = await run(fitted);
  expect([logits!.dims, twin!.dims]).toEqual([
    [2, 5],
    [2, 3],
  ]);
});

/** A model from the bytes of a built one. */
const small: EncoderOptions = { layers: 1, hidden: 16, heads: 2, vocabulary: 40, positions: 16 };

test('a head that is stored in float16 is replaced by one that is', async () => {
  const { model } = ensureHead(built(buildEncoder({ ...small, storage: 'float16' })), { labels: 5, seed: 0 });
  const { initializers } = toGraph(model);
  const [weight, bias] = ['weight', 'bias'].map((name) => initializers.get(`classifier.${name}`)!) as [Tensor, Tensor];
  expect([weight.dtype, weight.shape, bias.dtype, bias.shape]).toEqual(['float16', [5, 16], 'float32', [5]]);
  expect((await run(model)).logits!.dims).toEqual([2, 5]);
});

test('a weight that something else reads behind the same cast is not replaced', () => {
  const model = built(buildEncoder({ ...small, storage: 'float16' }));
  const graph = graphOf(model);
  graph.node.push({ ...graph.node.at(-1)!, name: 'twin', output: ['twin'] });
  expect(() => ensureHead(model, { labels: 5, seed: 0 })).toThrow(
    /more than the last layer reads its weight 'classifier\.weight' \(as '\/classifier\/Cast_output_0'\)/,
  );
});

test('a head of hidden layers has GELU where no family says otherwise, and any output shape', async () => {
  const model = openModel(fixture('encoders', 'bert', 'torchscript'));
  const value = graphOf(model).output[0]!.type!.value;
  if (value.case === 'tensorType') value.value.shape = undefined;
  const { model: fitted, note } = ensureHead(model, { labels: 2, seed: 0, layers: [6] });
  expect(note).toMatch(/classifier\.hidden\.0 with Gelu, classifier\.out_proj$/);
  expect((await run(fitted)).logits!.dims).toEqual([2, 2]);
});

test('one output of rank 2 is taken for logits, unless an activation of a pooler makes it', async () => {
  const model = openModel(fixture('encoders', 'bert', 'torchscript'));
  graphOf(model).output[0]!.name = 'prediction';
  graphOf(model).node.at(-1)!.output[0] = 'prediction';
  expect(ensureHead(model, { labels: 3, seed: 0 }).change).toBe('kept');
  const pooler = openModel(fixture('encoders', 'bert', 'torchscript'));
  const [output] = graphOf(pooler).output;
  output!.name = '/bert/pooler/activation/Tanh_output_0';
  graphOf(pooler).output = [withShape(output!, ['batch_size', 32])];
  const { model: fitted, note } = ensureHead(pooler, { labels: 4, seed: 0 });
  expect(note).toContain('pooler output');
  expect((await run(fitted)).logits!.dims).toEqual([2, 4]);
});
