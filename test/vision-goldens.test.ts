// Every vision family from real exporters against PyTorch (fixtures/vision): what an export's parameters are, that all of
// it has gradients, and on the stock runtime, in standard operators, logits, loss and every gradient.
// vision-goldens-device.test.ts has the same on ortune's device.

import { describe, expect, it } from 'vitest';
import { inspectModel } from '#ortune/train/inspect.js';
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
