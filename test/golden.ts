// Goldens from PyTorch: what the make.py of test/fixtures/encoders and of test/fixtures/masked-lm wrote, and the
// comparisons of the design. A fixture is one model family in two exports of the same weights; gradients are kept once,
// under PyTorch's parameter names, and `places` says where each parameter lies in an export. Reads, compiles and
// compares, whatever the task; the tests run.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { compile, taskOutputs } from '#ortune/compile/compile.js';
import type { Compiled, Mode } from '#ortune/compile/protocol.js';
import type { TargetKind } from '#ortune/data/images/targets.js';
import type { DeviceKind, Precision } from '#ortune/lower/target.js';
import { type Dim, type Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import type { TaskSpec } from '#ortune/tasks/task.js';
import { taskNamed } from '#ortune/tasks/tasks.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { decoderFamilies } from './support/decoders.js';

export const exporters = ['torchscript', 'dynamo'] as const;
/** `genai` writes the layout of onnxruntime-genai's model builder. */
export type Exporter = (typeof exporters)[number] | 'genai';

/** One exported file; `kind` is the folder it lies in. */
export interface Fixture {
  kind: 'encoders' | 'masked-lm' | 'label-targets' | 'question-answering' | 'causal-lm';
  family: string;
  exporter: Exporter;
}

const fixturesOf = (
  kind: Fixture['kind'],
  families: readonly string[],
  from: readonly Exporter[] = exporters,
): Fixture[] => families.flatMap((family) => from.map((exporter) => ({ kind, family, exporter })));

/** Every classifier, as rows of a parameterised test. */
export const fixtures = fixturesOf('encoders', ['bert', 'distilbert', 'roberta', 'albert', 'electra', 'mpnet']);
/** Every masked language model; the last tells next sentences too. */
export const maskedFixtures = fixturesOf('masked-lm', ['bert', 'distilbert', 'roberta', 'bert-pretraining']);

/** ALBERT of the classifiers with targets that are more than a class; `family` says which. */
export const targetFixtures: Fixture[] = ['labels', 'probabilities', 'values'].map((family) => ({
  kind: 'label-targets',
  family,
  exporter: 'torchscript',
}));

/** An encoder with outputs for where answers begin and end. */
export const answerFixtures = fixturesOf('question-answering', ['bert']);

/** Decoders with the inputs of a cache, in batches of prompts with completions. */
export const causalFixtures = [
  ...fixturesOf(
    'causal-lm',
    decoderFamilies.filter((family) => !family.endsWith('genai')),
    ['torchscript'],
  ),
  ...fixturesOf('causal-lm', ['llama-genai'], ['genai']),
];

/** A file tensor that holds a parameter, as PyTorch has it or transposed. */
export interface Place {
  name: string;
  transposed: boolean;
}

interface GoldenFile {
  family: string;
  files: Record<Exporter, { file: string; opset: number }>;
  inputs: Record<string, { dtype: 'int64'; shape: [number, number]; data: number[] }>;
  /** One for each row of the logits: a text, or a masked place. */
  labels: number[];
  logits: number[][];
  /** Where targets are more than a class: a row of numbers for each text. */
  targets?: { kind: TargetKind; rows: number[][]; positiveWeights?: number[] };
  /** Question answering, in place of labels and logits. */
  answers?: { starts: number[]; ends: number[]; start_logits: number[][]; end_logits: number[][] };
  /** The sum of both means where there are two. */
  loss: number;
  adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number; clip: number; losses: number[] };
  parameters: { name: string; shape: number[]; in: Record<Exporter, Place[]> }[];
  /** Masked-LM: where the labels stood, counted over the tokens of the whole batch, and the mean over them. */
  masked_positions?: number[];
  masked_loss?: number;
  /** Causal LM: the tokens whose logits decide the labels, counted likewise. */
  target_positions?: number[];
  /** Next sentences. */
  pair_labels?: number[];
  pair_logits?: number[][];
  pair_loss?: number;
}

export interface GoldenParameter {
  /** PyTorch's name and shape. */
  name: string;
  shape: readonly number[];
  /** Of the loss. */
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

export function readGolden({ kind, family, exporter }: Fixture): Golden {
  const path = (file: string): string => fileURLToPath(new URL(`./fixtures/${kind}/${file}`, import.meta.url));
  const golden = JSON.parse(readFileSync(path(`${family}.golden.json`), 'utf8')) as GoldenFile;
  const gradients = readSafetensors(path(`${family}.golden.safetensors`));
  const [batch, length] = golden.inputs.input_ids!.shape;
  const folder = kind === 'label-targets' ? '../encoders/' : '';
  const parameters = golden.parameters.map(({ name, shape, in: places }) => {
    return { name, shape, gradient: gradients.get(name)!, places: places[exporter] };
  });
  return { ...golden, file: path(`${folder}${golden.files[exporter].file}`), batch, length, parameters };
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
 * A golden of a causal language model whose rows are samples of one row, one behind the other, with padding behind the
 * last: what PyTorch has of them apart holds for them too.
 */
export function inOneRow(golden: Golden): Golden {
  const { batch, length, inputs } = golden;
  const mask = inputs.attention_mask!.data;
  const tokens = [...mask.keys()].filter((at) => mask[at] === 1);
  const padding = 3;
  const padded = (values: readonly number[], fill: number): number[] => [
    ...values,
    ...new Array<number>(padding).fill(fill),
  ];
  const row = (data: number[]) => ({ dtype: 'int64' as const, shape: [1, data.length] as [number, number], data });
  const places = tokens.map((at) => at % length);
  return {
    ...golden,
    batch: 1,
    length: tokens.length + padding,
    inputs: {
      input_ids: row(
        padded(
          tokens.map((at) => inputs.input_ids!.data[at]!),
          0,
        ),
      ),
      attention_mask: row(padded(new Array(tokens.length).fill(1), 0)),
      position_ids: row(padded(places, 0)),
      sample_of_token: row(
        padded(
          tokens.map((at) => Math.floor(at / length)),
          batch - 1,
        ),
      ),
    },
    target_positions: golden.target_positions!.map((at) => tokens.indexOf(at)),
  };
}

/** Masked places for each row of the batch: so many that one or more of all stay empty and are filled up. */
const placesPerRow = ({ batch, labels }: Golden): number => Math.ceil((labels.length + 1) / batch);

function taskOf(golden: Golden): TaskSpec {
  if (golden.answers) return { name: 'question-answering', options: { maxAnswerLength: 30, nBest: 1 } };
  if (golden.target_positions) return { name: 'causal-lm', options: { form: 'prompt' } };
  if (!golden.masked_positions) {
    const { kind: targets = 'class', positiveWeights } = golden.targets ?? {};
    return { name: 'text-classification', options: { targets, positiveWeights } };
  }
  const probability = placesPerRow(golden) / golden.length;
  const nextSentence = golden.pair_labels !== undefined;
  return { name: 'masked-lm', options: { probability, wholeWords: false, nextSentence } };
}

/**
 * The fixture's graph, and what it compiles to at the golden batch with all its parameters trained and no dropout.
 * Of a weight that the exporter wrote more than once, the graph keeps one.
 */
export function compileGolden(
  golden: Golden,
  mode: Mode,
  kernels: ReadonlySet<string>,
  device: DeviceKind = 'cpu',
  precision: Precision = 'float32',
  more: object = {},
): { graph: Graph; compiled: Compiled } {
  const model = openModel(golden.file);
  const graph = toGraph(model);
  const { name, options: own } = taskOf(golden);
  const task = { name, options: { ...own, ...more } };
  const outputs = Object.values(taskOutputs(graph, task));
  graph.outputs = graph.outputs.filter((output) => outputs.includes(output.name));
  prune(graph);
  const { trainable } = chooseParameters(model, graph, { outputs });
  const trained = new Set(trainable.map((p) => p.name));
  taskNamed(name).prepare?.(graph, trained, task.options);
  const none = { hidden: 0, attention: 0, head: 0 };
  const { batch, length, family } = golden;
  const cached = (dims: readonly Dim[]) => dims.map((d, axis) => (typeof d === 'number' ? d : axis === 0 ? batch : 0));
  const shapes = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [name, name.startsWith('past_') ? cached(shape!) : [batch, length]]),
  );
  const options = {
    trained,
    frozen: new Set<string>(),
    dropout: none,
    labelSmoothing: 0,
    task,
    family,
    kernels,
    target: device,
    precision,
  };
  return { graph, compiled: compile(graph, { mode, shapes }, options) };
}

export interface Feed {
  dtype: 'int64' | 'float32';
  shape: readonly number[];
  values: readonly number[];
}

/**
 * The golden batch as the task takes it: loss is the mean, so every sample weighs 1 and they are divided by their
 * number.
 */
export function feedsOf(golden: Golden): Record<string, Feed> {
  const { batch, length, inputs, labels, pair_labels: pairs } = golden;
  const { masked_positions: positions, target_positions: predicting } = golden;
  const rows = positions ? batch * placesPerRow(golden) : predicting ? batch * length : batch;
  return {
    ...Object.fromEntries(
      Object.entries(inputs).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, values: data }]),
    ),
    ...(positions && { masked_positions: filledUp('int64', positions, rows) }),
    ...(predicting && { target_positions: filledUp('int64', predicting, rows) }),
    ...targets(labels, rows, { labels: 'labels', weights: 'sample_weights', normaliser: 'normaliser' }),
    ...(golden.targets && {
      labels: {
        dtype: 'float32',
        shape: [rows, golden.targets.rows[0]!.length],
        values: golden.targets.rows.flat(),
      } satisfies Feed,
    }),
    ...(golden.answers && {
      start_positions: filledUp('int64', golden.answers.starts, rows),
      end_positions: filledUp('int64', golden.answers.ends, rows),
    }),
    ...(pairs &&
      targets(pairs, batch, { labels: 'pair_labels', weights: 'pair_weights', normaliser: 'pair_normaliser' })),
  };
}

const filledUp = (dtype: Feed['dtype'], values: readonly number[], rows: number): Feed => {
  return { dtype, shape: [rows], values: [...values, ...new Array<number>(rows - values.length).fill(0)] };
};

const targets = (
  labels: readonly number[],
  rows: number,
  names: Record<'labels' | 'weights' | 'normaliser', string>,
): Record<string, Feed> => ({
  [names.labels]: filledUp('int64', labels, rows),
  [names.weights]: filledUp('float32', new Array<number>(labels.length).fill(1), rows),
  [names.normaliser]: { dtype: 'float32', shape: [], values: [labels.length] },
});

/** What PyTorch has for an output: its first rows only where the batch is filled up. */
export interface Expected {
  output: Value;
  values: readonly number[];
}

/** What an evaluation gives. Of masked-LM that is losses and the likeliest words; `maskedLogits` are behind them. */
export function expectedOutputs(golden: Golden, { loss, results }: Compiled): Expected[] {
  const rows: [Value | undefined, () => number[]][] = [
    [loss, () => [golden.loss]],
    [results.logits, () => golden.logits.flat()],
    [results.start, () => golden.answers!.start_logits.flat()],
    [results.end, () => golden.answers!.end_logits.flat()],
    [results.maskedLoss, () => [golden.masked_loss!]],
    [results.tokenLoss, () => [golden.loss]],
    [results.predictions, () => golden.logits.map(likeliest)],
    [results.pairLoss, () => [golden.pair_loss!]],
    [results.pairPredictions, () => golden.pair_logits!.map(likeliest)],
  ];
  return rows.flatMap(([output, values]) => (output === undefined ? [] : [{ output, values: values() }]));
}

/** The logits that predictions are the likeliest of, by name a value inside the graph: mode diagnose gives it. */
export function maskedLogits(golden: Golden, { model, results }: Compiled): Expected[] {
  const nodes = fromBinary(ModelProtoSchema, model).graph!.node;
  const behind = (predictions: Value) => nodes.find((n) => n.output.includes(predictions))!.input[0]!;
  const { predictions, pairPredictions: pairs } = results;
  return [
    { output: behind(predictions!), values: golden.logits.flat() },
    ...(pairs === undefined ? [] : [{ output: behind(pairs), values: golden.pair_logits!.flat() }]),
  ];
}

const likeliest = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));

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
  golden: Pick<Golden, 'parameters'>,
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
