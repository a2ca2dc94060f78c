// The messages between the training process and its model worker. Everything here survives structured clone; bulk data
// lies in SharedArrayBuffers, so parameters are never copied between the two threads.

import type { InputShapes } from '../data/slots.js';
import type { DeviceKind, Precision } from '../lower/target.js';
import type { DataType } from '../onnx/dtype.js';
import type { ModelPart } from '../onnx/join.js';
import type { ArenaEntry } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';
import type { ModelValue, Outputs, TaskSpec } from '../tasks/task.js';
import type { AdapterOptions } from '../transfer/adapter/options.js';
import type { BatchNormMode, Statistic } from '../transfer/batch-norm.js';
import type { DropoutRates } from '../transfer/config.js';
import type { TransferOptions } from '../transfer/steps.js';
import type { CutValue } from '../trunk/cut.js';

export interface OpenRequest extends TransferOptions {
  /** Model directory or .onnx file. */
  model: string;
  /** The files of the directory that the model is joined of; undefined: it is one file. */
  parts?: readonly ModelPart[] | undefined;
  /**
   * Names of the labels in the order of the outputs; a head of another size is replaced, a missing one added.
   * Undefined: keep the model's own.
   */
  labels?: readonly string[];
  /** Globs over parameter names and aliases, or 'trunk'. */
  freeze: readonly string[];
  /** Patterns of tensors that count as weights although they look like constants. */
  trainable?: readonly string[] | undefined;
  /** What is left out is as the model's configuration says. */
  dropout: Partial<DropoutRates>;
  /** Share of each target that is spread over all classes while training; default 0. */
  labelSmoothing?: number | undefined;
  /** Widths of hidden layers of a new head, between the text's vector and the classifier; undefined: none. */
  headLayers?: readonly number[] | undefined;
  /** Where the weights start: at the file's values (the default) or drawn anew from the seed. */
  init?: 'pretrained' | 'random' | undefined;
  /** An adapter beside the weights, which are frozen then; undefined: none. */
  lora?: AdapterOptions | undefined;
  /** Whose statistics BatchNormalization layers take that train; default the batch's. */
  batchNorm?: BatchNormMode | undefined;
  /** Which activations are computed again for their gradients; default none. */
  recompute?: 'none' | 'layers' | undefined;
  /** Bytes that the file's own graph may ask for (onnx/budget.ts); undefined: the default. */
  maxGraphMemory?: number | undefined;
  /** Inputs that have one value for all samples, as NAME=VALUE. */
  bind?: readonly string[] | undefined;
  seed: number;
  task: TaskSpec;
  /** Ops the device has kernels for. */
  kernels: readonly string[];
  /** What graphs are built for; default the CPU. */
  target?: DeviceKind | undefined;
  /** Of the products of graphs that train; default float32. */
  precision?: Precision | undefined;
}

export type ModelInput = ModelValue;

export interface ParameterInfo extends ArenaEntry {
  /** Readable name where the exporter renamed the tensor, else the name itself. */
  alias: string;
  trainable: boolean;
  /** Belongs to the task's head. */
  head: boolean;
  /** 0 before the first layer, one more with each, the head on top; undefined where names show no layers. */
  depth?: number | undefined;
  /** Along which its units lie, where a product or a convolution reads it. */
  unitAxis?: number | undefined;
}

/** A running average of BatchNormalization, in the arena behind the parameters. */
export interface StatisticInfo extends ArenaEntry, Pick<Statistic, 'kind'> {
  /** By every training batch; otherwise it was reset to where training starts from scratch, and stays there. */
  updated: boolean;
}

/** What tells a model from any other. */
export interface ModelHashes {
  /** SHA-256 of the files the model consists of. */
  hash: string;
  /** SHA-256 of those of them that say how samples become inputs. */
  preprocessing: string;
}

export interface OpenedModel {
  inputs: readonly ModelInput[];
  /** Those that the task reads. */
  outputs: readonly ModelValue[];
  /** Fields of a batch, beside the inputs, whose shapes decide a graph. */
  shapedBy: readonly string[];
  parameters: readonly ParameterInfo[];
  /** Running averages that are not those of the file, or will not be. */
  statistics: readonly StatisticInfo[];
  /** The arena of parameters and then statistics, initial values in place. */
  arena: SharedArrayBuffer;
  /** Label names, from the request or from the model's configuration. */
  labels: readonly string[];
  /** As trained with. */
  dropout: DropoutRates;
  /** The model directory: where tokenizer and configuration lie. */
  directory: string;
  /** Positions the model has; Infinity when it has no position table. */
  maxPositions: number;
  /** Rows of the table of token embeddings; undefined: there is none, or it is not known. */
  embeddingRows?: number | undefined;
  /** Things a user should know: replaced heads, float tensors that are not trained and why. */
  notes: readonly string[];
}

/**
 * train: loss and gradients with dropout; evaluate: the results that the task's meter reads; predict: the outputs that
 * the task reads; diagnose: every float value; trunk: the values at the cut. Of a loss over all batches of a step:
 * vectors: what it compares, of a batch, with dropout; stepLoss: it and its gradients by all the vectors, without the
 * model; pullback: gradients of the parameters from those of a batch's vectors.
 */
export type Mode = 'train' | 'evaluate' | 'predict' | 'diagnose' | 'trunk' | 'vectors' | 'stepLoss' | 'pullback';

export interface CompileRequest {
  mode: Mode;
  /**
   * Shape of every input of the model, as the batch has it: [batch, length] for text, [batch, 3, H, W] for images; of
   * stepLoss that of `vectors`.
   */
  shapes: InputShapes;
  /**
   * Those of the fields of the batch that the task's loss is shaped by; undefined: it has none, or as large as it may
   * be.
   */
  fields?: InputShapes | undefined;
  /** Values at which the frozen trunk ends: mode trunk computes them, the others start from them. */
  cut?: readonly string[] | undefined;
}

/** The graphs whose need of memory is wanted. */
export interface MemoryRequest {
  /** Sets of graphs whose sessions are kept beside each other. */
  sets: readonly (readonly CompileRequest[])[];
  /** In the place of what the model was opened with. */
  recompute?: OpenRequest['recompute'];
}

export interface CutRequest {
  /** Of the batches there will be; the last ones are the largest. */
  shapes: readonly InputShapes[];
  /** Samples of a batch. */
  batch: number;
  /** The last ones, for a batch of one sample more. */
  oneMore: InputShapes;
}

/** Where the frozen trunk ends. */
export interface TrunkCut {
  values: readonly string[];
  /** The values as each batch of the request has them. */
  types: readonly (readonly CutValue[])[];
  /** Multiply-adds a sample that the trunk takes in the largest batch. */
  workPerSample: number;
  /** SHA-256 of the graph of the largest batch below the cut, and of its weights. */
  hash: string;
}

export interface GraphValue {
  name: string;
  dtype: DataType;
  shape: readonly number[];
}

export interface Compiled {
  /** ONNX bytes without weights. */
  model: Uint8Array;
  /** Multiply-adds of the products of one run. */
  work: number;
  /** Fed every step. */
  inputs: readonly GraphValue[];
  /** Fetched every step, gradients aside. */
  outputs: readonly GraphValue[];
  /** Name of the loss among the outputs, where the mode has one. */
  loss: string | undefined;
  /** Outputs by the name that the task has for them. */
  results: Outputs;
  /** Parameters that are inputs of the graph (trained). */
  trained: readonly string[];
  /** Parameters, and tensors in place, that are initializers of the graph (frozen, or evaluation). */
  constants: readonly string[];
  /** Tensors that sessions read where they are, as constants or as inputs that they are bound to. */
  inPlace: ReadonlyMap<string, TensorView>;
  /** Frozen parameters that are inputs of the graph: on a device with memory of its own. */
  held: readonly string[];
  /** Running averages that are inputs of the graph, since training changes them. */
  statistics: readonly string[];
  /** Gradient output of each trained parameter. */
  gradients: ReadonlyMap<string, string>;
  /** Of a graph that trains: the output with each running average as the batch leaves it. */
  updates: ReadonlyMap<string, string>;
}

/** What was written: the path of the file or adapter, and what people should know of it. */
export interface Saved {
  path: string;
  notes: string[];
}

/** A model and adapters that become one directory. */
export interface MergeRequest {
  model: string;
  adapters: readonly string[];
  output: string;
}

export interface SaveRequest {
  directory: string;
  /** A model, with an adapter merged in where there is one (the default), or the adapter alone. */
  form?: 'model' | 'adapter' | undefined;
  arena: SharedArrayBuffer;
  /** preprocessor_config.json, where it is not to be the model's own. */
  preprocessor?: Readonly<Record<string, unknown>> | undefined;
  /** What an evaluation decided: options of the task in place of those that the model was opened with. */
  settled?: object | undefined;
}
