// The derived training graph against PyTorch, on the stock runtime: every fused op lowered to standard ones, no addon.
// This pins the graph work alone (reading, specialising, restoring, gradients, lowering); goldens-device.test.ts
// holds the same fixtures against the session host and its kernels.

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Compiled, Mode } from '#ortune/compile/protocol.js';
import type { Value } from '#ortune/onnx/graph.js';
import {
  answerFixtures,
  causalFixtures,
  compileGolden,
  type Expected,
  expectedOutputs,
  feedsOf,
  fixtures,
  type Golden,
  gradientErrors,
  inOneRow,
  maskedFixtures,
  maskedLogits,
  readGolden,
  relativeError,
  targetFixtures,
} from './golden.js';

type Outputs = InferenceSession.OnnxValueMapType;

async function run(golden: Golden, mode: Mode, more = {}): Promise<{ compiled: Compiled; outputs: Outputs }> {
  const { graph, compiled } = compileGolden(golden, mode, new Set(), 'cpu', 'float32', more);
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

const numbers = (outputs: Outputs, name: Value): number[] =>
  Array.from(outputs[name]!.data as ArrayLike<number | bigint>, Number);

const errorOf = (outputs: Outputs, { output, values }: Expected): number =>
  relativeError(numbers(outputs, output).slice(0, values.length), values);

const all = [...fixtures, ...maskedFixtures, ...targetFixtures, ...answerFixtures, ...causalFixtures];

describe.each(all)('$family of $kind from the $exporter exporter, standard ops', (fixture) => {
  const golden = readGolden(fixture);

  it('gives the outputs and the loss of PyTorch', async () => {
    const { compiled, outputs } = await run(golden, 'evaluate');
    for (const expected of expectedOutputs(golden, compiled))
      expect(errorOf(outputs, expected), expected.output).toBeLessThan(1e-5);
  });

  it('gives every gradient of PyTorch', async () => {
    const { compiled, outputs } = await run(golden, 'train');
    const errors = gradientErrors(golden, (tensor) => {
      const gradient = compiled.gradients.get(tensor);
      return gradient === undefined ? undefined : numbers(outputs, gradient);
    });
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
  });

  it('trains a weight that lies at several places as one', () => {
    const { compiled } = compileGolden(golden, 'train', new Set());
    const trained = golden.parameters.map((p) => p.places.filter(({ name }) => compiled.trained.includes(name)));
    expect(trained.filter((places) => places.length !== 1)).toEqual([]);
  });
});

it.each(maskedFixtures)('$family from $exporter computes logits at the masked places alone', async (fixture) => {
  const golden = readGolden(fixture);
  const { compiled, outputs } = await run(golden, 'diagnose');
  for (const expected of maskedLogits(golden, compiled)) {
    expect(outputs[expected.output]!.dims[0]).toBeLessThan(golden.batch * golden.length);
    expect(errorOf(outputs, expected), expected.output).toBeLessThan(1e-5);
  }
});

describe.each(causalFixtures)('$family of causal-lm, its logits a few rows at a time', (fixture) => {
  const golden = readGolden(fixture);
  // Parts of 5 and 6 rows.
  const few = { mostLogits: 6 * 320 };

  it('gives the loss, the likeliest tokens and every gradient of PyTorch', async () => {
    const evaluation = await run(golden, 'evaluate', few);
    for (const expected of expectedOutputs(golden, evaluation.compiled))
      expect(errorOf(evaluation.outputs, expected), expected.output).toBeLessThan(1e-5);
    const { compiled, outputs } = await run(golden, 'train', few);
    const errors = gradientErrors(golden, (tensor) => {
      const gradient = compiled.gradients.get(tensor);
      return gradient === undefined ? undefined : numbers(outputs, gradient);
    });
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
  });
});

describe.each(causalFixtures)('$family of causal-lm, its samples in one row', (fixture) => {
  const golden = inOneRow(readGolden(fixture));

  it('gives the loss, the likeliest tokens and every gradient that PyTorch has of the samples apart', async () => {
    const evaluation = await run(golden, 'evaluate', { sharedRows: true });
    for (const expected of expectedOutputs(golden, evaluation.compiled))
      expect(errorOf(evaluation.outputs, expected), expected.output).toBeLessThan(1e-5);
    const { compiled, outputs } = await run(golden, 'train', { sharedRows: true });
    const errors = gradientErrors(golden, (tensor) => {
      const gradient = compiled.gradients.get(tensor);
      return gradient === undefined ? undefined : numbers(outputs, gradient);
    });
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
  });
});

it('sees an error of 0.05 % in one gradient', () => {
  const golden = readGolden(fixtures[0]!);
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
  const golden = readGolden(fixtures[0]!);
  expect(() => gradientErrors(golden, () => undefined)).toThrow(/no tensor of .* is trained/);
});
