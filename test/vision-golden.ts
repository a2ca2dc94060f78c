// Goldens of the vision families: what the make.py of test/fixtures/vision wrote. A golden is one network, and the
// files that hold exactly its tensors. Reads them and compiles a file to what trains: graph, loss and gradients.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { backward } from '#ortune/autodiff/backward.js';
import { lowerForDevice } from '#ortune/lower/devices/forms.js';
import { fuse } from '#ortune/lower/fuse.js';
import { lower } from '#ortune/lower/lower.js';
import { lossScaleInput, toMixedPrecision } from '#ortune/lower/mixed-precision.js';
import type { DeviceKind, Precision } from '#ortune/lower/target.js';
import { Builder } from '#ortune/onnx/builder.js';
import { div, transpose, view } from '#ortune/onnx/formulas.js';
import { type Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { taskInput } from '#ortune/tasks/inputs.js';
import { useBatchStatistics } from '#ortune/transfer/batch-norm.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type GoldenParameter, type Place, readSafetensors } from './golden.js';

const path = (file: string): string => fileURLToPath(new URL(`./fixtures/vision/${file}`, import.meta.url));

interface SgdCurve {
  name: 'sgd';
  momentum: number;
}

interface AdamwCurve {
  name: 'adamw';
  betas: [number, number];
  eps: number;
}

interface GoldenFile {
  files: Record<string, { file: string; opset: number }>;
  input: { name: string; shape: number[] };
  /** One for each row of the logits: an image, or a pixel of all. */
  labels: number[];
  loss: number;
  optimizer: (SgdCurve | AdamwCurve) & { lr: number; weight_decay: number; clip: number; losses: number[] };
  /** With the statistics of each batch. */
  batch?: { loss: number; losses: number[]; statistics: { name: string; in: Record<string, Place[]> }[] };
  parameters: { name: string; shape: number[]; in: Record<string, Place[]> }[];
}

/** What training with the statistics of each batch gives. */
export interface BatchGolden {
  loss: number;
  parameters: readonly GoldenParameter[];
  /** Running averages after the first batch, by the name of the file's tensor. */
  running: ReadonlyMap<string, Float32Array>;
}

export interface VisionGolden extends Omit<GoldenFile, 'parameters' | 'files' | 'input' | 'batch'> {
  /** The .onnx file. */
  file: string;
  opset: number;
  images: { name: string; tensor: Tensor };
  logits: Float32Array;
  parameters: readonly GoldenParameter[];
  batch: BatchGolden | undefined;
}

const goldens = readdirSync(path(''))
  .filter((name) => name.endsWith('.golden.json'))
  .sort()
  .map((name) => ({
    stem: name.replace('.golden.json', ''),
    content: JSON.parse(readFileSync(path(name), 'utf8')) as GoldenFile,
  }));

/** Every file, by its name without the ending. */
export const visionFixtures: readonly string[] = goldens.flatMap(({ content }) =>
  Object.values(content.files).map(({ file }) => file.replace('.onnx', '')),
);

export const visionFile = (fixture: string): string => path(`${fixture}.onnx`);

export function readVisionGolden(fixture: string): VisionGolden {
  const found = goldens.find(({ content }) => Object.values(content.files).some((f) => f.file === `${fixture}.onnx`))!;
  const [key, { file, opset }] = Object.entries(found.content.files).find(([, f]) => f.file === `${fixture}.onnx`)!;
  const values = readSafetensors(path(`${found.stem}.golden.safetensors`));
  const parameters = found.content.parameters.map(({ name, shape, in: places }) => {
    return { name, shape, gradient: values.get(`gradient.${name}`)!, places: places[key]! };
  });
  const { name, shape } = found.content.input;
  const images = { name, tensor: Tensor.of('float32', cropped(shape), shape) };
  const batch = found.content.batch && {
    loss: found.content.batch.loss,
    parameters: parameters.map((p) => ({ ...p, gradient: values.get(`batch.gradient.${p.name}`)! })),
    running: new Map(found.content.batch.statistics.map((s) => [s.in[key]![0]!.name, values.get(`batch.${s.name}`)!])),
  };
  return { ...found.content, file: path(file), opset, images, logits: values.get('logits')!, parameters, batch };
}

/** The upper left of the common images; all of their values, in whatever shape, where there are as many. */
function cropped([batch, channels, height, width]: readonly number[]): number[] {
  const all = readSafetensors(path('images.safetensors')).get('x')!;
  if (all.length === batch! * channels! * height! * width!) return [...all];
  const side = Math.sqrt(all.length / (batch! * channels!));
  const rows = Array.from({ length: batch! * channels! * height! }, (_, row) => {
    const start = Math.floor(row / height!) * side * side + (row % height!) * side;
    return all.subarray(start, start + width!);
  });
  return rows.flatMap((row) => [...row]);
}

/** The graph at the golden batch with its forms restored, and the names of the parameters that train. */
export function openVision({ file, images }: VisionGolden, statistics: Iterable<string> = []) {
  const model = openModel(file);
  const source = toGraph(model);
  const trained = chooseParameters(model, source).trainable.map(({ name }) => name);
  const graph = specialize(
    source,
    { [images.name]: images.tensor.shape },
    {
      trainable: new Set([...trained, ...statistics]),
    },
  );
  recognisePatterns(graph);
  return { graph, trained };
}

export interface CompiledVision {
  /** Its outputs are the logits, the loss and the gradients. */
  graph: Graph;
  logits: Value;
  loss: Value;
  gradients: ReadonlyMap<string, Value>;
  /** Running averages after the batch, which are outputs too. */
  updates: ReadonlyMap<string, Value>;
}

/**
 * Attaches the mean cross-entropy, differentiates and lowers, as training does; with frozen statistics or the batch's.
 */
export function compileVision(
  golden: VisionGolden,
  kernels: ReadonlySet<string>,
  statistics: 'frozen' | 'batch' = 'frozen',
  kind: DeviceKind = 'cpu',
  precision: Precision = 'float32',
): CompiledVision {
  const running = new Set(statistics === 'batch' ? golden.batch!.running.keys() : []);
  const { graph, trained } = openVision(golden, running);
  const b = new Builder(graph);
  const updates = useBatchStatistics(b, running);
  const logits = graph.outputs[0]!.name;
  const labels = b.constant(Tensor.of('int64', golden.labels));
  const sum = b.op('CrossEntropy', [rowsOf(b, logits), labels], {}, { domain: 'ortune' });
  const loss = div(b, sum, golden.labels.length);
  graph.outputs = [logits, loss, ...updates.values()].map((name) => ({
    name,
    ...b.type(name),
    shape: [...b.shape(name)],
  }));
  fuse(b, { trained: new Set(trained), kernels, gradients: true });
  const seed = precision === 'float32' ? undefined : taskInput(b, lossScaleInput, 'float32', []);
  const gradients = backward(b, loss, trained, { seed });
  graph.outputs = [logits, loss, ...gradients.values(), ...updates.values()].map((name) => {
    return { name, ...b.type(name), shape: [...b.shape(name)] };
  });
  prune(graph);
  const parameters = new Set([...trained, ...running]);
  if (precision !== 'float32')
    toMixedPrecision(b, precision, { loss, gradients: new Set(gradients.values()), parameters });
  if (kind === 'cpu') lower(graph, kernels);
  else lowerForDevice(graph, kind);
  return { graph, logits, loss, gradients, updates };
}

/** [B, C], or [B, C, H, W] as one row for each pixel. */
function rowsOf(b: Builder, logits: Value): Value {
  const shape = b.shape(logits);
  if (shape.length === 2) return logits;
  const [batch, classes, height, width] = shape as [number, number, number, number];
  return view(b, transpose(b, logits, [0, 2, 3, 1]), [batch * height * width, classes]);
}
