import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import type { ImageModel } from '#ortune/models/image-names.js';
import { buildImageModel, type ImageModelOptions, writeImageModel } from '#ortune/models/images.js';
import { ModelProtoSchema, type NodeProto } from '#ortune/onnx/onnx_pb.js';
import { compared, imageSize, images, variedModel } from '../fixtures/models/varied.mjs';

interface Golden {
  models: Record<string, { logits: number[]; parameters: number; norm: { epsilon: number; momentum: number } | null }>;
}

const golden: Golden = JSON.parse(readFileSync('test/fixtures/models/image-models.golden.json', 'utf8'));
const models = compared as ImageModel[];
const graphOf = (options: ImageModelOptions) => fromBinary(ModelProtoSchema, buildImageModel(options)).graph!;
const elements = (dims: bigint[]): number => dims.reduce((n, d) => n * Number(d), 1);

describe.each(models)('%s', (model) => {
  const expected = golden.models[model]!;

  it('gives the logits of the PyTorch network with the same weights', async () => {
    const session = await InferenceSession.create(variedModel(model), { logSeverityLevel: 3 });
    const pixels = new Tensor('float32', images(), [2, 3, imageSize, imageSize]);
    const logits = (await session.run({ pixel_values: pixels })).logits!.data as Float32Array;
    await session.release();
    const size = Math.max(...expected.logits.map(Math.abs));
    expect(logits).toHaveLength(expected.logits.length);
    for (const [i, logit] of logits.entries()) expect(Math.abs(logit - expected.logits[i]!)).toBeLessThan(1e-5 * size);
  });

  it('has as many parameters as the PyTorch network', () => {
    const { initializer, node } = graphOf({ model });
    const trained = initializer.filter(({ name }) => !/running_(mean|var)$/.test(name));
    expect(trained.reduce((n, { dims }) => n + elements(dims), 0)).toBe(expected.parameters);
    const attribute = (n: NodeProto, name: string) => n.attribute.find((a) => a.name === name);
    for (const norm of node.filter((n) => n.opType === 'BatchNormalization')) {
      expect(attribute(norm, 'epsilon')!.f).toBeCloseTo(expected.norm!.epsilon, 8);
      expect(attribute(norm, 'momentum')!.f).toBeCloseTo(1 - expected.norm!.momentum, 6);
      expect(attribute(norm, 'training_mode')!.i).toBe(0n);
    }
  });

  it('starts from weights that the seed decides, every tensor from its own', () => {
    const weights = (seed: number) =>
      graphOf({ model, classes: 5, seed })
        .initializer.filter(({ dims }) => dims.length > 1)
        .map(({ rawData }) => Buffer.from(rawData.slice(0, 64)).toString('hex'));
    expect(weights(3)).toEqual(weights(3));
    expect(new Set([...weights(3), ...weights(4)]).size).toBe(2 * weights(3).length);
  });

  it('opens as a model directory whose every parameter can be trained', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ortune-images-'));
    try {
      writeImageModel(directory, { model, labels: ['cat', 'dog', 'owl'], imageSize: 96 });
      const found = await inspectModel(directory);
      const { initializer } = graphOf({ model, classes: 3, imageSize: 96 });
      const trained = initializer.filter(({ name }) => !/running_(mean|var)$/.test(name));
      expect(found.parameters.trainable).toBe(trained.reduce((n, { dims }) => n + elements(dims), 0));
      expect(found.undifferentiable).toEqual([]);
      const json = (name: string) => JSON.parse(readFileSync(join(directory, name), 'utf8'));
      expect(json('config.json')).toMatchObject({ id2label: { 2: 'owl' }, label2id: { owl: 2 }, image_size: 96 });
      expect(json('preprocessor_config.json')).toMatchObject({ do_normalize: true, rescale_factor: 1 / 255 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** Mean and standard deviation of a weight over those that the initialisation asks for. */
function spread(options: ImageModelOptions, name: string): number {
  const { rawData } = graphOf(options).initializer.find((t) => t.name === name)!;
  const values = new Float32Array(Uint8Array.from(rawData).buffer);
  return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
}

describe('initial weights', () => {
  it.each([
    ['resnet18', 'layer2.0.conv1.weight', Math.sqrt(2 / (128 * 9))],
    ['resnet18', 'fc.weight', 1 / Math.sqrt(512) / Math.sqrt(3)],
    ['mobilenet-v3-small', 'features.4.block.1.0.weight', Math.sqrt(2 / (96 * 25))],
    ['mobilenet-v2', 'classifier.1.weight', 0.01],
    ['vit-tiny', 'vit.encoder.layer.3.intermediate.dense.weight', 0.02],
  ] as const)('of %s: %s deviates by %f', (model, name, deviation) => {
    expect(spread({ model }, name) / deviation).toBeGreaterThan(0.95);
    expect(spread({ model }, name) / deviation).toBeLessThan(1.05);
  });
});

describe('options', () => {
  it('change the sizes of a vision transformer', () => {
    const vit = { hidden: 64, layers: 2, heads: 4, patch: 8, feedForward: 96 };
    const { initializer } = graphOf({ model: 'vit-tiny', vit, imageSize: 32, classes: 2 });
    const shapes = new Map(initializer.map(({ name, dims }) => [name, dims.map(Number)]));
    expect(shapes.get('vit.embeddings.position_embeddings')).toEqual([1, 17, 64]);
    expect(shapes.get('vit.encoder.layer.1.intermediate.dense.weight')).toEqual([64, 96]);
    expect(shapes.has('vit.encoder.layer.2.layernorm_before.weight')).toBe(false);
  });

  it('change the sizes of a residual network', () => {
    const resnet = { depths: [1, 2], width: 16, stem: 'small' as const };
    const { initializer, node } = graphOf({ model: 'resnet18', resnet, classes: 2 });
    const shapes = new Map(initializer.map(({ name, dims }) => [name, dims.map(Number)]));
    expect(shapes.get('conv1.weight')).toEqual([16, 3, 3, 3]);
    expect(shapes.get('layer2.1.conv2.weight')).toEqual([32, 32, 3, 3]);
    expect(shapes.get('fc.weight')).toEqual([2, 32]);
    expect(shapes.has('layer3.0.conv1.weight')).toBe(false);
    expect(node.some(({ opType }) => opType === 'MaxPool')).toBe(false);
  });

  it.each<[Partial<ImageModelOptions> | { model: string }, string]>([
    [{ model: 'resnet34' }, "'model' must be one of resnet18, resnet50"],
    [{ classes: 0 }, "'classes' must be a whole number of at least 1, found 0"],
    [{ vit: { heads: 2 } }, 'changes vision transformers only, and resnet18 is none'],
    [{ model: 'vit-tiny', resnet: { width: 8 } }, 'changes residual networks only, and vit-tiny is none'],
    [{ resnet: { depths: [1, 0] } }, "'depths[1]' must be a whole number of at least 1, found 0"],
    [{ resnet: { depths: [] } }, 'takes the blocks of one stage or more'],
    [{ model: 'vit-tiny', vit: { heads: 5 } }, "'heads' must divide 'hidden': 192 is no multiple of 5"],
    [{ model: 'vit-tiny', imageSize: 100 }, "'patch' must divide 'imageSize': 100 is no multiple of 16"],
  ])('%o are refused', (options, message) => {
    expect(() => buildImageModel({ model: 'resnet18', ...options } as ImageModelOptions)).toThrow(message);
  });
});
