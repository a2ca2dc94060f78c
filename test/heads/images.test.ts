import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { ensureImageHead } from '#ortune/heads/images.js';
import { copyOfGraph, dimensions, dropDeadNodes, withShape } from '#ortune/onnx/file/surgery.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf, type Model } from '#ortune/onnx/model.js';
import { weightsInside } from '#ortune/transfer/directory.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { runOn } from '../support/transfer.js';

const directory = join(import.meta.dirname, '../fixtures/vision');
const files = readdirSync(directory).filter((file) => file.endsWith('.onnx'));
const open = (file: string): Model => openModel(join(directory, file));

const pixels = Float32Array.from({ length: 2 * 3 * 48 * 48 }, (_, i) => Math.sin(i));
async function logitsOf(model: Model): Promise<ort.Tensor> {
  const outputs = await runOn(weightsInside(model), (names) => {
    // Exports by tf2onnx read channels last.
    const last = dimensions(graphOf(model).input[0]!)![3] === 3;
    const image = new ort.Tensor('float32', pixels, last ? [2, 48, 48, 3] : [2, 3, 48, 48]);
    return Object.fromEntries(names.map((name) => [name, image]));
  });
  return outputs.logits!;
}

const matrices = (model: Model): string[] =>
  chooseParameters(model, toGraph(model))
    .trainable.filter((p) => p.head && p.shape.length > 1)
    .map(({ name }) => name);

const classifiers = files.filter((file) => !file.startsWith('unet'));
// Every exported family must be there.
test.each([
  'resnet',
  'mobilenet-v2',
  'mobilenet-v3',
  'efficientnet',
  'squeezenet',
  'densenet',
  'convnext',
  'vit',
  'deit',
  'swin',
])('there are exports of %s', (family) =>
  expect(classifiers.filter((file) => file.startsWith(family)).length).toBeGreaterThan(1),
);

describe.each(classifiers)('%s', (file) => {
  const model = open(file);

  test('keeps a head that fits, and gets another for another number of classes', async () => {
    expect(ensureImageHead(model, { labels: 5, seed: 1 }).change).toBe('kept');
    const { model: fitted, change, note } = ensureImageHead(model, { labels: 7, seed: 1 });
    expect(change).toBe('replaced');
    expect(note).toContain('5 classes became 7');
    expect(dimensions(graphOf(fitted).output[0]!)!.at(-1)).toBe(7);
    expect((await logitsOf(fitted)).dims).toEqual([2, 7]);
    expect(dimensions(graphOf(model).output[0]!)!.at(-1)).toBe(5);
    // The head is what freezing the trunk leaves to train.
    expect(matrices(fitted).length).toBeGreaterThan(0);
    expect(matrices(fitted)).toEqual(matrices(model));
    expect(matrices(fitted).length).toBeLessThan(4);
  });
});

test('both heads of a distilled transformer are drawn, each for itself', () => {
  const { model, note } = ensureImageHead(open('deit-opset14.onnx'), { labels: 7, seed: 1 });
  expect(note).toMatch(/replaced the last layers '.*' and '.*'/);
  const graph = toGraph(model);
  const [first, second] = matrices(model).map((name) => graph.initializers.get(name)!.numbers());
  expect(first).toHaveLength(second!.length);
  expect(first).not.toEqual(second);
});

test.each(files.filter((file) => file.startsWith('unet')))('%s has no head to replace', (file) => {
  expect(() => ensureImageHead(open(file), { labels: 7, seed: 1 })).toThrow(ModelError);
  expect(() => ensureImageHead(open(file), { labels: 7, seed: 1 })).toThrow(
    /\(U-Net\): there is no classification head/,
  );
});

/** The export cut before the operator `op` nearest to the logits; what that one reads becomes the output. */
function headless(file: string, op: string, name: string, shape: (size: number) => (number | string | null)[]): Model {
  const model = copyOfGraph(open(file));
  const graph = graphOf(model);
  const node = graph.node.findLast(({ opType }) => opType === op)!;
  const size = toGraph(model).initializers.get(graph.node.findLast(({ opType }) => opType === 'Gemm')!.input[1]!)!
    .shape[1]!;
  const output = withShape(graph.output[0]!, shape(size), name);
  graph.node = graph.node.map((n) => ({
    ...n,
    input: n.input.map((i) => (i === node.input[0] ? name : i)),
    output: n.output.map((o) => (o === node.input[0] ? name : o)),
  }));
  graph.output = [output];
  dropDeadNodes(graph);
  return model;
}

describe('a model without a head', () => {
  test('of features gets one behind the mean over all places', async () => {
    const model = headless('resnet-opset9.onnx', 'GlobalAveragePool', 'features', (size) => [
      'batch',
      size,
      null,
      null,
    ]);
    const { model: fitted, change, note } = ensureImageHead(model, { labels: 7, seed: 1 });
    expect(change).toBe('added');
    expect(note).toBe('added a head for 7 classes: mean over all places, classifier');
    expect((await logitsOf(fitted)).dims).toEqual([2, 7]);
    expect(matrices(fitted)).toEqual(['classifier.weight']);
  });

  test.each([
    ['vit', 10, 'first token'],
    ['swin', 9, 'mean over the tokens'],
    [undefined, 10, 'first token'],
    [undefined, 9, 'mean over the tokens'],
  ])('of tokens, of family %s with %i tokens, gets one behind the %s', async (family, tokens, taken) => {
    const model = headless('vit-opset14.onnx', 'Gather', 'last_hidden_state', (size) => ['batch', tokens, size]);
    const config = family === undefined ? {} : { model_type: family };
    const { model: fitted, note } = ensureImageHead(model, { labels: 7, seed: 1, config });
    expect(note).toBe(`added a head for 7 classes: ${taken}, classifier`);
    expect((await logitsOf(fitted)).dims).toEqual([2, 7]);
  });

  test('gets hidden layers on request, also in place of a head that fits', async () => {
    const { model, note } = ensureImageHead(open('resnet-opset11.onnx'), { labels: 5, seed: 1, layers: [8] });
    expect(note).toContain('classifier.hidden.0 with Gelu');
    expect((await logitsOf(model)).dims).toEqual([2, 5]);
  });

  test('says which outputs it can start from', () => {
    const model = headless('resnet-opset9.onnx', 'GlobalAveragePool', 'y', () => ['batch']);
    expect(() => ensureImageHead(model, { labels: 7, seed: 1 })).toThrow(
      /expected logits of shape \[batch, classes\], features/,
    );
    const unsized = headless('resnet-opset9.onnx', 'GlobalAveragePool', 'features', () => ['batch', null, null, null]);
    expect(() => ensureImageHead(unsized, { labels: 7, seed: 1 })).toThrow(
      /the size of output 'features' is not known/,
    );
  });
});
