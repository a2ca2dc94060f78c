// The derived training graph against PyTorch, on the stock runtime: every fused op lowered to standard ones, no addon.
// This pins the graph work alone (reading, specialising, restoring, gradients, lowering); goldens-device.test.ts
// holds the same fixtures against the session host and its kernels.

import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { compile } from '#ortune/train/compile.js';
import type { Compiled, Mode } from '#ortune/train/protocol.js';
import { fixtures, type Golden, gradientErrors, mean, readGolden, relativeError } from './golden.js';

type Outputs = InferenceSession.OnnxValueMapType;

/** Compiles one mode with every parameter trained and runs it on the golden batch. */
async function run(golden: Golden, mode: Mode): Promise<{ compiled: Compiled; outputs: Outputs }> {
  const graph = toGraph(openModel(golden.file));
  const trained = new Set(golden.parameters.flatMap((p) => p.places.map((place) => place.name)));
  const compiled = compile(
    graph,
    { mode, batch: golden.batch, length: golden.length },
    { trained, frozen: new Set(), dropout: { hidden: 0, attention: 0, head: 0 }, kernels: new Set() },
  );
  const session = await InferenceSession.create(compiled.model, { intraOpNumThreads: 1 });
  const { weights, normaliser } = mean(golden);
  const feeds: Record<string, OrtTensor> = {
    labels: new OrtTensor('int64', BigInt64Array.from(golden.labels, BigInt), [golden.batch]),
    sample_weights: new OrtTensor('float32', Float32Array.from(weights), [golden.batch]),
    normaliser: new OrtTensor('float32', Float32Array.of(normaliser), []),
  };
  for (const [name, { data, shape }] of Object.entries(golden.inputs))
    feeds[name] = new OrtTensor('int64', BigInt64Array.from(data, BigInt), shape);
  for (const name of compiled.trained) {
    const tensor = graph.initializers.get(name)!;
    feeds[name] = new OrtTensor('float32', Float32Array.from(tensor.data() as Float32Array), tensor.shape);
  }
  const wanted = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)));
  const outputs = await session.run(wanted);
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
    const errors = gradientErrors(golden, (tensor) => floats(outputs, compiled.gradients.get(tensor)));
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
