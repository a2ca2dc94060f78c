// Every vision family from real exporters against PyTorch (fixtures/vision): what an export's parameters are, that all
// of it has gradients, and on the stock runtime, in standard operators, logits, loss and every gradient.
// vision-goldens-device.test.ts has the same on ortune's device.

import { describe, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { fuseAttention } from '#ortune/lower/attention.js';
import { Builder } from '#ortune/onnx/builder.js';
import { prune } from '#ortune/onnx/graph.js';
import { gradientErrors, relativeError } from './golden.js';
import { runStock } from './support/onnxruntime.js';
import { compileVision, openVision, readVisionGolden, visionFixtures } from './vision-golden.js';

describe.each(visionFixtures)('%s', (name) => {
  const golden = readVisionGolden(name);

  it('trains the parameters of the module, and nothing else', () => {
    const places = golden.parameters.flatMap((p) => p.places.map((place) => place.name));
    expect(openVision(golden).trained.toSorted()).toEqual(places.toSorted());
  });

  it('has a gradient for every operator between them and the logits', async () => {
    expect(await inspectModel(golden.file)).toMatchObject({ opset: golden.opset, undifferentiable: [] });
  });

  it('gives the logits, the loss and every gradient of PyTorch', async () => {
    const { graph, logits, loss, gradients } = compileVision(golden, new Set());
    const results = await runStock(graph, new Map([[golden.images.name, golden.images.tensor]]));
    const numbers = (value: string) => results.get(value)!.numbers();
    expect(relativeError(numbers(logits), golden.logits)).toBeLessThan(1e-5);
    expect(relativeError(numbers(loss), [golden.loss])).toBeLessThan(1e-5);
    const errors = gradientErrors(golden, (tensor) => {
      const gradient = gradients.get(tensor);
      return gradient === undefined ? undefined : numbers(gradient);
    });
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
  });
});

describe.each(visionFixtures.filter((name) => readVisionGolden(name).batch))(
  '%s with the statistics of the batch',
  (name) => {
    it('gives the loss, every gradient and the running averages of PyTorch', async () => {
      const golden = readVisionGolden(name);
      const { graph, loss, gradients, updates } = compileVision(golden, new Set(), 'batch');
      const results = await runStock(graph, new Map([[golden.images.name, golden.images.tensor]]));
      const numbers = (value: string) => results.get(value)!.numbers();
      expect(relativeError(numbers(loss), [golden.batch!.loss])).toBeLessThan(1e-5);
      const errors = gradientErrors(golden.batch!, (tensor) => numbers(gradients.get(tensor)!));
      expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
      expect(updates.size).toBe(golden.batch!.running.size);
      for (const [tensor, expected] of golden.batch!.running)
        expect(relativeError(numbers(updates.get(tensor)!), expected), tensor).toBeLessThan(1e-5);
    });
  },
);

// Two blocks of ViT and DeiT, four of ConvNeXt, three of Swin, whose attention adds a trained bias.
it.each([
  ['vit', { LayerNormalization: 5, Gelu: 2, Attention: 2 }],
  ['deit', { LayerNormalization: 5, Gelu: 2, Attention: 2 }],
  ['convnext', { LayerNormalization: 8, Gelu: 4, Attention: 0 }],
  ['convnext-timm', { LayerNormalization: 9, Gelu: 4, Attention: 0 }],
  ['swin', { LayerNormalization: 9, Gelu: 3, Attention: 3 }],
])('finds what the exports of %s wrote in parts', (family, expected) => {
  const isOf = (name: string) => name.startsWith(`${family}-`) && (family !== 'convnext' || !name.includes('timm'));
  const names = visionFixtures.filter(isOf);
  expect(names.length).toBeGreaterThan(1);
  for (const name of names) {
    const { graph, trained } = openVision(readVisionGolden(name));
    fuseAttention(new Builder(graph), new Set(trained));
    prune(graph);
    const count = (op: string) => graph.nodes.filter((node) => node.op === op).length;
    expect(Object.fromEntries(Object.keys(expected).map((op) => [op, count(op)])), name).toEqual(expected);
  }
});
