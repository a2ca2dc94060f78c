import { describe, expect, test } from 'vitest';
import { ModelError, UsageError } from '#ortune/errors.js';
import { buildEncoder, type EncoderOptions } from '#ortune/models/encoder.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { copyOfGraph, withShape } from '#ortune/onnx/file/surgery.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import { keepLayers } from '#ortune/transfer/keep-layers.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type Exporter, encoders, fixture } from '../support/exported.js';
import { built, run } from '../support/transfer.js';

type Model = ReturnType<typeof openModel>;

/** The model with a value of its graph as an output besides. */
function showing(model: Model, value: string): Model {
  const copy = copyOfGraph(model);
  const { output } = graphOf(copy);
  output.push(withShape(output[0]!, ['batch', 'sequence', 32], value));
  return copy;
}

/** The value that ends a layer, told by the exporter's habits: the scope in names, or the count of normalisations. */
function endOf(model: Model, exporter: Exporter, layer: number): string {
  const { node } = graphOf(model);
  const end =
    exporter === 'torchscript'
      ? node.findLast(({ name }) => name.includes(`/layer.${layer}/`))!
      : node.filter(({ opType }) => opType === 'LayerNormalization')[2 * (layer + 1)]!;
  return end.output[0]!;
}

describe.each(encoders.filter(([family]) => family !== 'albert'))('%s by %s', (family, exporter) => {
  const model = openModel(fixture('encoders', family, exporter));
  const number = family === 'distilbert' ? 'n_layers' : 'num_hidden_layers';

  test('gives the head the hidden states of the last layer that is kept', async () => {
    const { model: kept, config, note } = keepLayers(model, { model_type: family, [number]: 2 }, 1);
    expect(note).toBe('kept the first 1 of 2 layers');
    expect(config).toEqual({ model_type: family, [number]: 1 });
    const [inner, outer] = [endOf(model, exporter, 0), endOf(model, exporter, 1)];
    const whole = await run(showing(model, inner));
    const less = await run(showing(kept, outer));
    expect(less[outer]!.data).toEqual(whole[inner]!.data);
    expect(less.logits!.dims).toEqual([2, 3]);
    expect(less.logits!.data).not.toEqual(whole.logits!.data);
  });

  test('has no weight of what was left out, and the others as they were', () => {
    const weights = (m: Model) => chooseParameters(m, toGraph(m)).trainable.map(({ name, alias }) => [name, alias]);
    const { model: kept } = keepLayers(model, {}, 1);
    expect(weights(kept)).toEqual(weights(model).filter(([, alias]) => !alias!.includes('layer.1.')));
    expect(graphOf(model).initializer.length).toBeGreaterThan(graphOf(kept).initializer.length);
  });

  test('stays as it is with all its layers, or without a number', () => {
    const config = { num_layers: 2 };
    expect(keepLayers(model, config, 2)).toEqual({ model, config, note: undefined });
    expect(keepLayers(model, config, undefined)).toEqual({ model, config, note: undefined });
  });
});

const small: EncoderOptions = { hidden: 16, heads: 2, vocabulary: 40, positions: 16 };

describe('the first layers of a trunk', () => {
  test.each([
    ['float32', 1],
    ['float32', 3],
    ['float16', 2],
  ] as const)('stored in %s are the trunk of %i layers, under the same output', async (storage, keep) => {
    const trunk = (layers: number) => built(buildEncoder({ ...small, storage, layers, head: 'none' }));
    const { model } = keepLayers(trunk(4), {}, keep);
    const expected = await run(trunk(keep));
    expect((await run(model)).last_hidden_state!.data).toEqual(expected.last_hidden_state!.data);
    const names = (m: Model) => graphOf(m).initializer.map(({ name }) => name);
    expect(names(model)).toEqual(names(trunk(keep)));
  });
});

interface Chain {
  layers: number;
  /** Name of a layer's weight. */
  named?: (layer: number) => string;
  /** What lies between two layers. */
  between?: (w: TorchScriptWriter, x: string) => string;
  /** Hidden states of layer 0 as an output. */
  shown?: boolean;
  /** An output that is computed from the weight of the last layer. */
  leak?: boolean;
}

/** Layers with the normalisation first, and written out: x + W · (x - mean(x)) / deviation(x), then logits. */
function preNorm({ layers, named = (i) => `encoder.h.${i}.weight`, between, shown, leak }: Chain): Model {
  const w = new TorchScriptWriter(17);
  const ids = w.input('input_ids', 'int64', ['batch', 'sequence']);
  const values = (n: number, from: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + from));
  const one = { keepdims: 1, axes: [-1] };
  let x = w.op('/words', 'Gather', [w.weight('words.weight', [40, 4], values(160, 0)), ids]);
  for (let i = 0; i < layers; i++) {
    const scope = `/encoder/h.${i}`;
    const centred = w.op(scope, 'Sub', [x, w.op(scope, 'ReduceMean', [x], one)]);
    const variance = w.op(scope, 'ReduceMean', [w.op(scope, 'Mul', [centred, centred])], one);
    const normal = w.op(scope, 'Div', [centred, w.op(scope, 'Sqrt', [variance])]);
    const y = w.op(scope, 'MatMul', [normal, w.weight(named(i), [4, 4], values(16, i))]);
    x = w.op(scope, 'Add', [y, x]);
    if (between) x = between(w, x);
    if (shown && i === 0) w.output(x, 'float32', ['batch', 'sequence', 4]);
    if (leak && i === layers - 1) w.output(y, 'float32', ['batch', 'sequence', 4]);
  }
  w.op('/head', 'MatMul', [x, w.weight('head.weight', [4, 2], values(8, 3))], {}, 'logits');
  w.output('logits', 'float32', ['batch', 'sequence', 2]);
  return built(w.finish());
}

test('a layer with the normalisation first ends behind its residual', async () => {
  const { model } = keepLayers(preNorm({ layers: 3 }), {}, 2);
  expect((await run(model)).logits!.data).toEqual((await run(preNorm({ layers: 2 }))).logits!.data);
});

describe('refused', () => {
  const refusal = (chain: Chain, keep = 1) => {
    const model = preNorm(chain);
    return () => keepLayers(model, {}, keep);
  };

  test('more layers than there are', () => {
    expect(refusal({ layers: 2 }, 3)).toThrow(UsageError);
    expect(refusal({ layers: 2 }, 3)).toThrow(/^keepLayers 3: .* has 2 layers; choose a number from 1 to 2$/);
  });

  test('layers that share their weights', () => {
    for (const exporter of ['torchscript', 'dynamo'] as const) {
      const albert = openModel(fixture('encoders', 'albert', exporter));
      expect(() => keepLayers(albert, {}, 1)).toThrow(ModelError);
      expect(() => keepLayers(albert, {}, 1)).toThrow(/the layers share their weights \('albert\..* is used 2 times\)/);
    }
  });

  test('names without layers, and several stacks of them', () => {
    expect(refusal({ layers: 2, named: (i) => `encoder.part${i}.weight` })).toThrow(
      /found no such name\. Leave keepLayers out/,
    );
    const stacks = (i: number) => `${i === 0 ? 'encoder' : 'decoder'}.layers.0.weight`;
    expect(refusal({ layers: 2, named: stacks })).toThrow(/in one stack; found encoder\.layers, decoder\.layers/);
  });

  test('layers whose end is not the end of a weight or a residual', () => {
    const between = (w: TorchScriptWriter, x: string) => w.op('/between', 'Relu', [w.op('/between', 'Relu', [x])]);
    expect(refusal({ layers: 2, between })).toThrow(/expected layer 1 to read what the last weight of layer 0 gives/);
  });

  test('outputs other than the last layer', () => {
    expect(refusal({ layers: 2, shown: true })).toThrow(
      /the output of the last one to keep, is an output of the model/,
    );
    expect(refusal({ layers: 2, leak: true })).toThrow(
      /an output is computed from 'encoder\.h\.1\.weight' of layer 1 past the last layer/,
    );
  });
});
