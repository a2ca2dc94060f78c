// A model directory as any other program opens it: the stock onnxruntime-node session over the file itself, nothing of
// ortune's graphs in between. What `eval` and `predict` measure is what users will run.

import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { ModelInput } from '../compile/protocol.js';
import { labelsOfConfig } from '../data/labels.js';
import type { EngineBatch } from '../engine/engine.js';
import { ModelError } from '../errors.js';
import type { MaskedScores } from '../metrics/masked-lm.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { convertFloat } from '../onnx/convert.js';
import type { DataType, TypedArray } from '../onnx/dtype.js';
import { joinModels, type ModelPart, onlyPart, openFiles } from '../onnx/join.js';
import { Tensor } from '../onnx/tensor.js';
import { pairOutput } from '../tasks/masked-lm.js';
import { maxPositions, readModelConfig } from '../transfer/config.js';
import { logitsOf } from '../transfer/parameters.js';
import { type Forward, maskedScores } from './masked-scores.js';
import { SessionChain } from './session-chain.js';

export interface SavedModel {
  inputs: readonly ModelInput[];
  /** From config.json; empty when it names none. */
  labels: readonly string[];
  directory: string;
  /** Infinity when it has no position table. */
  maxPositions: number;
  /** Whether config.json says that several labels may hold at once. */
  multiLabel: boolean;
  /** Logits [batch, labels]. */
  predict(batch: EngineBatch): Promise<{ data: Float32Array }>;
  /** Of a masked language model. */
  maskedScores(batch: EngineBatch): Promise<MaskedScores>;
  close(): Promise<void>;
}

/**
 * @param options `parts`: the files of the directory that run one behind the other; default one file
 * @throws ModelError for a file that cannot be read or that the runtime refuses
 */
export async function openSavedModel(
  options: {
    model: string;
    parts?: readonly ModelPart[] | undefined;
    threads?: number | undefined;
  },
  resolving: ResolveOptions = {},
): Promise<SavedModel> {
  const files = openFiles(await resolveModel(options.model, resolving), options.parts);
  const model = joinModels(options.parts ?? onlyPart, files);
  const { graph } = model;
  const logits = logitsOf(graph);
  const config = readModelConfig(model.directory);
  const parameters = [...graph.initializers].map(([alias, { shape }]) => ({ alias, shape }));
  const names = graph.inputs.map(({ name }) => name);
  const chain = await SessionChain.open(model, options.threads);
  const run = async (inputs: Inputs, outputs: string[]): Promise<{ data: Float32Array; dims: readonly number[] }[]> => {
    const fetched = await chain.run(inputs, outputs);
    return fetched.map((tensor) => ({ data: floats(tensor), dims: tensor.dims }));
  };
  return {
    inputs: graph.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    labels: labelsOfConfig(config)?.names ?? [],
    directory: model.directory,
    maxPositions: maxPositions(config, parameters),
    multiLabel: config.problem_type === 'multi_label_classification',
    async predict(batch) {
      const [found] = await run(batch.inputs, [logits]);
      if (found!.dims.length !== 2)
        throw new ModelError(
          `${model.path}: output '${logits}' has the shape [${found!.dims}], expected [batch, labels]: this is no classifier. ` +
            'Fine-tune it to be one, or measure a masked language model with task masked-lm.',
        );
      return { data: found!.data };
    },
    async maskedScores(batch) {
      const wanted = batch.inputs.has('pair_labels') ? [logits, pairOutput] : [logits];
      if (!wanted.every((name) => graph.outputs.some((output) => output.name === name)))
        throw new ModelError(
          `${model.path}: there is no output '${pairOutput}', so the model tells no next sentences; leave nextSentence out`,
        );
      const stated = graph.outputs.find(({ name }) => name === logits)?.shape?.[2];
      const forward: Forward = {
        vocabulary: typeof stated === 'number' ? stated : undefined,
        async run(inputs) {
          const [all, pairs] = await run(inputs, wanted);
          const [, , vocabulary, ...more] = all!.dims;
          if (vocabulary === undefined || more.length > 0)
            throw new ModelError(
              `${model.path}: output '${logits}' is not of shape [batch, sequence, vocabulary]; is this a masked language model?`,
            );
          return { logits: all!.data, vocabulary, pairs: pairs?.data };
        },
      };
      return maskedScores(forward, batch, names);
    },
    close: () => chain.release(),
  };
}

type Inputs = EngineBatch['inputs'];

function floats({ type, data, dims }: OrtTensor): Float32Array {
  if (type === 'float32') return data as Float32Array;
  const tensor = Tensor.view(type as DataType, [...dims], data as TypedArray);
  return convertFloat(tensor, 'float32').data() as Float32Array;
}
