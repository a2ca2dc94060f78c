// A model directory as any other program opens it: the stock onnxruntime-node session over the file itself, nothing of
// ortune's graphs in between. What `eval` and `predict` measure is what users will run.

import type { Tensor as OrtTensor } from 'onnxruntime-node';
import { labelsOfConfig } from '../data/labels.js';
import { ModelError } from '../errors.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { convertFloat } from '../onnx/convert.js';
import type { DataType, TypedArray } from '../onnx/dtype.js';
import { openModel, toGraph } from '../onnx/load.js';
import { Tensor } from '../onnx/tensor.js';
import { maxPositions, readModelConfig } from '../transfer/config.js';
import { logitsOf } from '../transfer/parameters.js';
import type { EngineBatch } from './engine.js';
import type { ModelInput } from './protocol.js';
import { type TextShape, textShape } from './text-shape.js';

export interface SavedModel {
  inputs: readonly ModelInput[];
  /** From config.json; empty when it names none. */
  labels: readonly string[];
  shape: TextShape;
  /** Logits [batch, labels]. */
  predict(batch: EngineBatch): Promise<{ data: Float32Array }>;
  close(): Promise<void>;
}

/** @throws ModelError for a file that cannot be read or that the runtime refuses */
export async function openSavedModel(
  options: {
    model: string;
    maxLength: number;
    buckets?: readonly number[] | undefined;
    threads?: number | undefined;
  },
  resolving: ResolveOptions = {},
): Promise<SavedModel> {
  const model = openModel(await resolveModel(options.model, resolving));
  const graph = toGraph(model);
  const logits = logitsOf(graph);
  const config = readModelConfig(model.directory);
  const parameters = [...graph.initializers].map(([alias, { shape }]) => ({ alias, shape }));
  // Loading the binding takes a third of a second, which a process that only trains must not wait for.
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(
    model.path,
    options.threads === undefined ? {} : { intraOpNumThreads: options.threads },
  ).catch((error: Error) => {
    throw new ModelError(`${model.path}: onnxruntime refuses the model: ${error.message}`);
  });
  return {
    inputs: graph.inputs.map(({ name, dtype }) => ({ name, dtype })),
    labels: labelsOfConfig(config)?.names ?? [],
    shape: textShape(model.directory, maxPositions(config, parameters), options),
    async predict(batch) {
      const feeds = Object.fromEntries(graph.inputs.map(({ name }) => [name, copyOf(ort, batch, name)]));
      const { type, data, dims } = (await session.run(feeds, [logits]))[logits]!;
      if (type === 'float32') return { data: data as Float32Array };
      const tensor = Tensor.view(type as DataType, [...dims], data as TypedArray);
      return { data: convertFloat(tensor, 'float32').data() as Float32Array };
    },
    close: () => session.release(),
  };
}

// The stock binding takes no shared memory.
function copyOf(ort: typeof import('onnxruntime-node'), batch: EngineBatch, name: string): OrtTensor {
  const view = batch.inputs.get(name);
  if (!view) throw new ModelError(`The model needs an input '${name}', which this task does not feed.`);
  return new ort.Tensor(view.dtype as 'int64', view.data.slice() as BigInt64Array, [...view.shape]);
}
