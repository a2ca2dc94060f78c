// The derived training graph against PyTorch, on the stock runtime: every fused op lowered to standard ones, no addon.
// This pins the graph work alone (reading, specialising, restoring, gradients, lowering); goldens-device.test.ts
// holds the same fixtures against the session host and its kernels.

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Compiled, Mode } from '#ortune/train/protocol.js';
import { compileGolden, feedsOf, fixtures, type Golden, gradientErrors, readGolden, relativeError } from './golden.js';

type Outputs = InferenceSession.OnnxValueMapType;

async function run(golden: Golden, mode: Mode): Promise<{ compiled: Compiled; outputs: Outputs }> {
  const { graph, compiled } = compileGolden(golden, mode, new Set());
  const session = await InferenceSession.create(compiled.model, { intraOpNumThreads: 1 });
  const given = feedsOf(golden);
  const feeds: Record<string, Tensor> = {};
  for (const { name } of compiled.inputs) {
    const { dtype, shape, values } = given[name]!;
    const data = dtype === 'int64' ? BigInt64Array.from(values, BigInt) : Float32Array.from(values);
    feeds[name] = new Tensor(dtype, data as Float32Array, shape);
  }
  for (const name of compiled.trained) {
    const tensor = graph.initializers.get(name)!;
    feeds[name] = new Tensor('float32', Float32Array.from(tensor.data() as Float32Array), tensor.shape);
  }
  const outputs = await session.run(feeds);
  await session.release();
  return { compiled, outputs };
}

const floats = (outputs: Outputs, name: string | undefined): Float32Array => outputs[name!]!.data as Float32Array;

describe.each(fixtures)('$family from the $exporter exporter, standard ops', ({ family, exporter }) => {
  const golden = readGolden(family, exporter);

  it('gives the logits and the loss of PyTorch', async () => {
    const { compiled, outputs } = await run(golden, 'evaluate');
    expect(relativeError(floats(outputs, compiled.logits), golden.logits.flat())).toBeLessThan(1e-5);
    expect(relativeError(floats(outputs, compiled.loss), [golden.loss])).toBeLessThan(1e-5);
  });

  it('gives every gradient of PyTorch', async () => {
    const { compiled, outputs } = await run(golden, 'train');
    const errors = gradientErrors(golden, (tensor) => {
      const gradient = compiled.gradients.get(tensor);
      return gradient === undefined ? undefined : floats(outputs, gradient);
    });
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
  });
});

it('sees an error of 0.05 % in one gradient', () => {
  const golden = readGolden('bert', 'torchscript');
  const [wrong] = golden.parameters;
  const exact = (tensor: string): Float64Array => {
    const { gradient, places, shape } = golden.parameters.find((p) => p.places[0]!.name === tensor)!;
    const [rows, columns] = [shape[0]!, gradient.length / shape[0]!];
    const at = (i: number): number => (places[0]!.transposed ? (i % rows) * columns + Math.floor(i / rows) : i);
    return Float64Array.from(gradient, (_, i) => gradient[at(i)]!);
  };
  expect(gradientErrors(golden, exact).filter((e) => e.error > 0)).toEqual([]);
  const off = (tensor: string) => exact(tensor).map((g) => (tensor === wrong!.places[0]!.name ? g * 1.0005 : g));
  const found = gradientErrors(golden, off).filter((e) => e.error > 2e-5);
  expect(found.map((e) => e.parameter)).toEqual([wrong!.name]);
});

it('does not take a parameter that is not trained for a match', () => {
  const golden = readGolden('bert', 'torchscript');
  expect(() => gradientErrors(golden, () => undefined)).toThrow(/no tensor of .* is trained/);
});
