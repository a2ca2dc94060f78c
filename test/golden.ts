// Goldens from PyTorch: what test/fixtures/encoders/make.py wrote, and the comparisons of the design. A fixture is one
// model family in two exports of the same weights; gradients are kept once, under PyTorch's parameter names, and
// `places` says where each parameter lies in an export. Reads, compiles and compares; the tests run.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Graph } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { compile } from '#ortune/train/compile.js';
import type { Compiled, Mode } from '#ortune/train/protocol.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';

export const families = ['bert', 'distilbert', 'roberta', 'albert', 'electra', 'mpnet'] as const;
export const exporters = ['torchscript', 'dynamo'] as const;
export type Family = (typeof families)[number];
export type Exporter = (typeof exporters)[number];
/** Every fixture, as rows of a parameterised test. */
export const fixtures = families.flatMap((family) => exporters.map((exporter) => ({ family, exporter })));

/** A file tensor that holds a parameter, as PyTorch has it or transposed. */
export interface Place {
  name: string;
  transposed: boolean;
}

interface GoldenFile {
  family: Family;
  files: Record<Exporter, { file: string; opset: number }>;
  inputs: Record<string, { dtype: 'int64'; shape: [number, number]; data: number[] }>;
  labels: number[];
  logits: number[][];
  loss: number;
  adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number; clip: number; losses: number[] };
  parameters: { name: string; shape: number[]; in: Record<Exporter, Place[]> }[];
}

export interface GoldenParameter {
  /** PyTorch's name and shape. */
  name: string;
  shape: readonly number[];
  /** The gradient of the mean cross-entropy. */
  gradient: Float32Array;
  /** Where the export keeps it; more than one place when the exporter wrote copies. */
  places: readonly Place[];
}

export interface Golden extends Omit<GoldenFile, 'parameters'> {
  /** The .onnx file of the chosen export. */
  file: string;
  batch: number;
  length: number;
  parameters: readonly GoldenParameter[];
}

const path = (file: string): string => fileURLToPath(new URL(`./fixtures/encoders/${file}`, import.meta.url));

export function readGolden(family: Family, exporter: Exporter): Golden {
  const golden = JSON.parse(readFileSync(path(`${family}.golden.json`), 'utf8')) as GoldenFile;
  const gradients = readSafetensors(path(`${family}.golden.safetensors`));
  const [batch, length] = golden.inputs.input_ids!.shape;
  const parameters = golden.parameters.map(({ name, shape, in: places }) => {
    return { name, shape, gradient: gradients.get(name)!, places: places[exporter] };
  });
  return { ...golden, file: path(golden.files[exporter].file), batch, length, parameters };
}

/** The float32 tensors of a safetensors file: an 8-byte length, a JSON header, the data. */
export function readSafetensors(file: string): Map<string, Float32Array> {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number] }>;
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return new Map(
    tensors.map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => {
        return [name, new Float32Array(Uint8Array.from(bytes.subarray(start + from, start + to)).buffer)];
      },
    ),
  );
}

/**
 * The fixture's graph, and what it compiles to at the golden batch with all its parameters trained and no dropout.
 * Of a weight that the exporter wrote more than once, the graph keeps one.
 */
export function compileGolden(
  golden: Golden,
  mode: Mode,
  kernels: ReadonlySet<string>,
): { graph: Graph; compiled: Compiled } {
  const model = openModel(golden.file);
  const graph = toGraph(model);
  const trained = new Set(chooseParameters(model, graph).trainable.map((p) => p.name));
  const none = { hidden: 0, attention: 0, head: 0 };
  const { batch, length, family } = golden;
  const options = { trained, frozen: new Set<string>(), dropout: none, labelSmoothing: 0, family, kernels };
  return { graph, compiled: compile(graph, { mode, batch, length }, options) };
}

export interface Feed {
  dtype: 'int64' | 'float32';
  shape: readonly number[];
  values: readonly number[];
}

/** The golden batch as the task takes it: loss is the mean, so every sample weighs 1 and they are divided by their number. */
export const feedsOf = (golden: Golden): Record<string, Feed> => ({
  ...Object.fromEntries(
    Object.entries(golden.inputs).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, values: data }]),
  ),
  labels: { dtype: 'int64', shape: [golden.batch], values: golden.labels },
  sample_weights: { dtype: 'float32', shape: [golden.batch], values: golden.labels.map(() => 1) },
  normaliser: { dtype: 'float32', shape: [], values: [golden.batch] },
});

/** Largest difference over the largest expected magnitude. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) throw new Error(`${found.length} values, expected ${expected.length}`);
  const largest = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(expected, (e, i) => Math.abs(found[i]! - e))) / largest;
}

const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));

export interface GradientError {
  parameter: string;
  /** L2 error over the allowance max(norm of it, 1e-4 * norm of all gradients); at most 2e-5 is asked for. */
  error: number;
}

/**
 * Compares every gradient. `gradientOf` gives that of a file tensor, undefined for one that is not trained: of a
 * parameter's copies at least one must be, and what the copies have adds up.
 */
export function gradientErrors(
  golden: Golden,
  gradientOf: (tensor: string) => ArrayLike<number> | undefined,
): GradientError[] {
  const all = norm(golden.parameters.map((p) => norm(p.gradient)));
  return golden.parameters.map(({ name, shape, gradient, places }) => {
    const difference = Float64Array.from(gradient, (g) => -g);
    const found = places.flatMap(({ name: tensor, transposed }) => {
      const values = gradientOf(tensor);
      return values ? [{ values, transposed }] : [];
    });
    if (found.length === 0) throw new Error(`no tensor of ${name} is trained`);
    for (const { values, transposed } of found) {
      if (values.length !== gradient.length) throw new Error(`the gradient of ${name} has ${values.length} elements`);
      const rows = shape[0]!;
      const columns = gradient.length / rows;
      for (let i = 0; i < gradient.length; i++) {
        const at = transposed ? (i % columns) * rows + Math.floor(i / columns) : i;
        difference[i]! += values[at]!;
      }
    }
    return { parameter: name, error: norm(difference) / Math.max(norm(gradient), 1e-4 * all) };
  });
}
