// What a task is: data and a dozen small functions, most of them one call of a shared piece. A task never sees threads,
// files that it does not read itself, or devices. Only its name and its options (JSON) cross threads; each thread looks
// the task up in the table (tasks.ts). Whatever is heavy is loaded where it is used: surgery on model files stands
// behind the name of a head (src/heads), the option fields take zod as an argument, encoders are imported by their
// threads.

import type { FieldKit } from '../config/fields.js';
import type { z } from '../config/zod.js';
import type { ColumnSpec } from '../data/columns.js';
import type { EncodeRequest, Encoder } from '../data/encode.js';
import type { Axis, Field, InputShapes, Slot } from '../data/slots.js';
import type { Table } from '../data/table.js';
import type { HeadName } from '../heads/heads.js';
import type { Builder } from '../onnx/builder.js';
import type { DataType } from '../onnx/dtype.js';
import type { Dim, Graph, Value } from '../onnx/graph.js';
import type { ModelPart } from '../onnx/join.js';
import type { TensorView } from '../runtime/session.js';
import type { DropoutDefaults, ModelConfig } from '../transfer/config.js';

/** A task as it crosses threads. */
export interface TaskSpec {
  name: string;
  options: object;
}

/** An input or output of a model as its file states it: numbers, names of free dimensions, or nothing. */
export interface ModelValue {
  name: string;
  dtype: DataType;
  shape?: readonly Dim[] | undefined;
}

/** What a file may end in, where its answers are no logits. */
export type Activation = 'Softmax' | 'LogSoftmax' | 'Sigmoid';

/** The output of a saved file that holds its answers. */
export interface MainOutput extends ModelValue {
  activation?: Activation | undefined;
}

/** What a saved model says of how it is to be read. */
export interface SavedFacts {
  config: ModelConfig;
  /** Names of the classes; empty where config.json has none. */
  labels: readonly string[];
  /** For messages. */
  path: string;
  /** Where the files beside the model are. */
  directory: string;
  /** @throws ModelError where it is not clear which output that is */
  main(): MainOutput;
}

/** What a model takes and gives. */
export interface ModelValues {
  inputs: readonly ModelValue[];
  outputs: readonly ModelValue[];
}

/** What a task's loader has to know of the model. */
export interface LoadedFor extends ModelValues {
  directory: string;
  /** Positions of the model; Infinity when it has no position table. */
  maxPositions: number;
  /** Names of the classes; empty where there are none. */
  labels: readonly string[];
  /** Rows of the table of token embeddings; undefined: there is none, or it is not known. */
  embeddingRows?: number | undefined;
  /**
   * What the data is for. To train: it is looked at beforehand, and notes are made. To predict: a sample that cannot be
   * read is left out of its batch. Default: neither.
   */
  purpose?: 'train' | 'predict' | undefined;
}

/** How a task wants samples to be loaded. */
export interface EncodingPlan {
  /** The model's inputs and what the loss reads. */
  fields: readonly Field[];
  /** Axes beside the batch's. */
  axes?: Readonly<Record<string, Axis>>;
  /** What the encoder is made with; JSON. */
  encoding: object;
  /** What beside the files of the model decides what becomes of a sample; JSON. */
  preprocessing: unknown;
  /** Worker threads where the options do not say; default 1. */
  workers?: number | undefined;
  /** preprocessor_config.json to write beside the model. */
  preprocessor?: Readonly<Record<string, unknown>> | undefined;
  /** What the user should know. */
  notes?: readonly string[] | undefined;
  /** For each of the tables how many windows each sample has; undefined: one. Samples become their windows. */
  windows?: readonly (Uint32Array | undefined)[] | undefined;
  /** What takes the place of each of the tables, whose samples become others. */
  tables?: readonly Table[] | undefined;
  /** Longest sample in tokens, where longer ones are cut. */
  maxLength?: number | undefined;
}

/** Tensors by name: what a run of a graph gives, or a file's outputs. */
export type Results = Readonly<Record<string, TensorView>>;

/** Values of a graph by name. */
export type Outputs = Readonly<Record<string, Value>>;

/** A loss that compares the samples of a whole optimizer step, whose batches go through the model one by one. */
export interface StepLoss<O> {
  /** What samples are compared by: of the outputs of the model for a batch a value [batch, …], and inputs it adds. */
  vectors(b: Builder, outputs: Outputs, options: O): { vectors: Value; inputs: Value[] };
  /** The loss over the vectors of all batches, one behind the other. */
  loss(b: Builder, vectors: Value, options: O): TaskLoss;
  /** What the inputs of that loss are, by their names. */
  inputs(batches: readonly MeasuredBatch[], options: O): Map<string, TensorView>;
}

export interface TaskLoss {
  /** Scalar float32: Σ weight · loss / normaliser. */
  loss: Value;
  /** Graph inputs that the loss adds. */
  inputs: Value[];
  /** What an evaluation reads beside the loss, by the name that `meter` and `predict` know. */
  results: Outputs;
}

/** What an evaluation is of. */
export interface Measured {
  labels: readonly string[];
  /** How many there are. */
  samples: number;
  /** Where the files beside the model are, by which tokens become texts. */
  directory: string;
}

/** A batch as results are read beside it. */
export interface MeasuredBatch extends Pick<EncodeRequest, 'samples' | 'slices'> {
  inputs: ReadonlyMap<string, TensorView>;
}

export interface Meter<M> {
  add(results: Results, batch: MeasuredBatch): void;
  result(): M | Promise<M>;
}

/** What is said of one sample; a task adds fields of its own. */
export interface Prediction {
  /** Where the sample is: its path, or file and row. */
  place?: string;
  /** Why nothing could be said of it. */
  error?: string;
}

/** What a prediction may be made with. */
export interface PredictTools {
  /**
   * The texts of lists of tokens, without special tokens or with them. @throws ModelError for a tokenizer that fails
   */
  decode(rows: readonly (readonly number[])[], withoutSpecial: boolean): Promise<string[]>;
}

/** The part of a configuration that decides what a task does; each task reads its own fields. */
// biome-ignore lint/suspicious/noExplicitAny: every task knows the types of the fields that it reads
export type TaskConfig = { task: string } & Readonly<Record<string, any>>;

/** Options of a task, by the commands that take them. */
export interface TaskFields {
  /** Of training and evaluation. */
  all: z.ZodRawShape;
  /** Of training alone. */
  train: z.ZodRawShape;
  predict: z.ZodRawShape;
}

/** What is known of the targets of training data once they are open. */
export interface OpenedTargets {
  /** They are probabilities. */
  soft?: boolean | undefined;
  /** What labels that hold weigh, each, where several may hold at once. */
  positiveWeights?: readonly number[] | undefined;
}

export interface Task<O extends object = object, M extends object = object, P extends Prediction = Prediction> {
  /** As the hub's pipelines call it. Of this type a row's own name stays a type, by which its results are known. */
  readonly name: Lowercase<string>;
  /** A few words of what the model is for, for help. */
  readonly purpose: string;
  /** Loads what its functions use where a model is opened; absent: nothing more. */
  load?(): Promise<void>;
  /** Its options; several tasks may have one in common. */
  fields(kit: FieldKit): TaskFields;
  /** Those of them that are the same for all runs of a comparison. */
  readonly shared: readonly string[];
  /** Whether it is meant where no task is named, by the data and columns that are. */
  recognises?(config: TaskConfig, files: readonly string[]): boolean;
  /** Whether a saved model is one of this task, by its inputs and config.json. */
  opens?(model: { inputs: readonly ModelValue[]; config: ModelConfig }): boolean;
  /** A sentence for each contradiction between options; also refuses those of other tasks. */
  contradictions(config: TaskConfig): Iterable<string>;
  /** Files of losses that the options name, of which a checkpoint knows the hash. */
  lossFiles?(options: O): readonly string[];
  /** What of the configuration, and of data and model once they are open, the other functions read; JSON. */
  options(config: TaskConfig, opened?: OpenedTargets & { directory?: string | undefined }): O;
  /** What a saved model says of the options. @throws ModelError for outputs that the task cannot read */
  ofModel?(model: SavedFacts, given: TaskConfig): object;
  /** Why a model that is read so has no figures; undefined: it has. */
  unmeasured?(options: O): string | undefined;
  /** Whether its columns depend on the model, which is then opened before the data; default no. */
  readonly readsModel?: boolean;
  /** Columns that it reads; `model` where `readsModel` is set and there is one. */
  columns(config: TaskConfig, model?: ModelValues): readonly ColumnSpec[];
  /** Roles of texts that training samples of one batch are not to have in common; default none. */
  distinct?(config: TaskConfig): readonly string[] | undefined;
  /**
   * The role of classes, as texts, that samples of one batch are to have in common, two by two; default none.
   */
  alike?(config: TaskConfig): readonly [string] | undefined;
  /** Whether samples have classes, which the data or the model name. */
  readonly classes: boolean;
  /** Why a model with these inputs cannot be used; undefined: it can. */
  refuses?(inputs: readonly ModelValue[]): string | undefined;
  /** Files of the model directory that are joined into one graph, and how; default one file. */
  readonly parts?: readonly ModelPart[];
  /** Why files that were joined are not of one model, by what they hold; undefined: nothing speaks against it. */
  apart?(graph: Graph, config: ModelConfig): string | undefined;
  /**
   * Further files of the directory that hold the weights of these, and get the trained ones too where they are there.
   */
  readonly siblings?: readonly string[];
  readonly head: HeadName;
  /** What PEFT calls the task; absent: it has no name for it. */
  readonly peftType?: string;
  /** Whether dropout goes before the last layer in training. */
  readonly headDropout: boolean;
  readonly dropout: DropoutDefaults;
  /** Whether training samples give the same activations in every epoch: false where they are augmented. */
  cacheable(config: TaskConfig): boolean;
  /**
   * What the loss reads of samples without their encoding, for activations that were kept; absent: none are, such as
   * where masks are drawn.
   */
  writeTargets?(slot: Slot, samples: Pick<EncodeRequest, 'slices' | 'weights'>): Record<string, number>;
  /** @throws ModelError, UsageError, DataError for a model or data that do not fit each other */
  plan(
    model: LoadedFor,
    config: TaskConfig,
    tables: readonly Table[],
    options: O,
  ): EncodingPlan | Promise<EncodingPlan>;
  /** In the worker's thread: made once. */
  encoder(encoding: object, options: O): Promise<Encoder>;
  /** The outputs of the model that it reads, by its own names for them; default the main one as `logits`. */
  outputs?(options: O, model: { main: Value; all: readonly Value[] }): Outputs;
  /**
   * Changes the graph of a file that is to be trained, whose shapes are not known yet; the file stays as it is.
   * @throws ModelError for a model that the options are not for
   */
  prepare?(graph: Graph, trained: ReadonlySet<Value>, options: O): void;
  /** Fields of a batch, beside the model's inputs, whose shapes decide the graph of the loss; default none. */
  readonly shapedBy?: readonly string[];
  /** In the model worker: the loss over the outputs that it reads; `shapes` has those of `shapedBy`, where known. */
  loss(
    b: Builder,
    outputs: Outputs,
    options: O & { labelSmoothing: number; shapes?: InputShapes | undefined },
  ): TaskLoss;
  /** Where the loss of training is over all batches of a step at once; undefined: `loss`, of each batch. */
  stepLoss?(options: O): StepLoss<O> | undefined;
  /** The results of `loss` from the outputs of a saved file. @throws ModelError for a file that is not of the task */
  resultsOf(run: SavedRun, batch: MeasuredBatch, options: O, mode: 'evaluate' | 'predict'): Promise<Results>;
  /** What the model writes by itself in evaluations, by the files that it is saved as; absent: nothing. */
  readonly written?: {
    /** Of how many samples, the first ones; and whether an evaluation is none without. */
    wanted(options: O): { samples: number; needed: boolean };
    /**
     * Of the first `rows` samples of a batch: results that the meter reads beside those of `loss`.
     * @throws ModelError where the files cannot be written with
     */
    of(files: SavedFiles, batch: MeasuredBatch, options: O, rows: number): Promise<Results>;
  };
  /** Names of its figures: paths in the result, such as 'macro.f1'. */
  metrics(options: O): readonly string[];
  meter(measured: Measured, options: O): Meter<M>;
  /**
   * What an evaluation of the trained weights decides of the model that is saved, as options in place of those it had;
   * undefined: nothing.
   */
  settled?(options: O): ((result: M) => Partial<O>) | undefined;
  /** An evaluation on one screen. */
  report(result: M): string;
  /** One for each sample of the batch. */
  predict?(
    results: Results,
    batch: MeasuredBatch,
    labels: readonly string[],
    options: O,
    tools: PredictTools,
  ): P[] | Promise<P[]>;
  /** Of the predictions of a text's windows, in their order, that of the text; there may be one. */
  merge?(parts: readonly P[], options: O): P;
  /** In place of a prediction, of a sample that cannot be used. */
  unusable?(error: string): P;
  /** Writes predictions to a file, where `predict` is given the option output. */
  write?(predictions: readonly P[], path: string): void;
  /** A prediction as a line for people; `what` says which sample it is. */
  show?(prediction: P, what: string): string;
  /** The configuration that a model is saved with. */
  config(config: ModelConfig, labels: readonly string[], options: O): ModelConfig;
  /** Further JSON files that a model is saved with, by their paths in its directory. */
  files?(
    options: O,
    model: { outputs: readonly ModelValue[]; maxPositions: number; directory: string },
  ): Readonly<Record<string, object>>;
}

/** A saved model as a library opens it by itself. */
export interface SavedFiles extends Pick<SavedFacts, 'path' | 'directory'> {
  /** Infinity when it has no position table. */
  maxPositions: number;
  threads: number | undefined;
  /** Called once when the model is closed. */
  onClose(work: () => Promise<void>): void;
}

/** A saved file that can be run a few rows at a time. */
export interface SavedRun extends SavedFacts, SavedFiles {
  /** Outputs that the file states. */
  outputs: readonly ModelValue[];
  /** Names of the model's inputs. */
  inputs: readonly string[];
  /** Rows of every run, where the file takes no other number. */
  batch: number | undefined;
  run(inputs: ReadonlyMap<string, TensorView>, outputs: readonly string[]): Promise<Results>;
}
