// Builds the model of `bench step` and counts the work of its step. A process of its own, so that neither the building
// nor the counting is in the memory that the bench measures: node bench-model.js '{"directory": …}'.

import { parseOptions } from '../config/options.js';
import { type BenchStepConfig, benchStepSchema } from '../config/schema.js';
import { ModelError, outcomeOf } from '../errors.js';
import { writeEncoder } from '../models/directory.js';
import { imageModels } from '../models/image-names.js';
import { writeImageModel } from '../models/images.js';
import type { Graph, ValueInfo } from '../onnx/graph.js';
import { openModel, toGraph } from '../onnx/load.js';
import { workOf } from '../onnx/operators.js';
import { specialize } from '../onnx/specialize.js';

/** The work and the input shapes of a benchmarked model. */
export interface BenchModel {
  /** Multiplications and additions of all products and convolutions of a step, forward and backward. */
  flops: number;
  /** Shape of every input. */
  shapes: Record<string, number[]>;
}

/** Tokens [batch, length], or images [batch, channels, side, side]. */
function shapeOf({ name, shape }: ValueInfo, { batch, seq, image }: BenchStepConfig): number[] {
  if (shape?.length === 2) return [batch, seq];
  const channels = shape?.[1];
  if (shape?.length === 4) return [batch, typeof channels === 'number' ? channels : 3, image, image];
  throw new ModelError(
    `bench step takes models of text, with inputs [batch, sequence], and of images, with an input [batch, channels, height, width]; ` +
      `input '${name}' has rank ${shape?.length ?? 'unknown'}`,
  );
}

/**
 * Backward has two products for each of the forward pass, but one where there is only the gradient of a weight to find.
 */
function stepFlops(graph: Graph): number {
  const fed = new Set(graph.inputs.map(({ name }) => name));
  return graph.nodes.reduce((sum, node) => sum + 2 * workOf(graph, node) * (fed.has(node.inputs[0]!) ? 2 : 3), 0);
}

/** Writes the model where one is to be built; returns where the model is. */
function written(directory: string, config: BenchStepConfig): string {
  const { layers, hidden, heads, feedForward, vocabulary, seq, image: imageSize } = config;
  const model = imageModels.find((name) => name === config.model);
  if (model) writeImageModel(directory, { model, imageSize });
  else if (config.model === undefined) {
    const positions = Math.max(seq, 512);
    writeEncoder(directory, { layers, hidden, heads, vocabulary, positions, ...(feedForward && { feedForward }) });
  } else return config.model;
  return directory;
}

const outcome = await outcomeOf((): BenchModel => {
  const { directory, ...options } = JSON.parse(process.argv[2]!);
  const config = parseOptions(benchStepSchema, options);
  const source = toGraph(openModel(written(directory, config)));
  const shapes = Object.fromEntries(source.inputs.map((input) => [input.name, shapeOf(input, config)]));
  return { flops: stepFlops(specialize(source, shapes)), shapes };
});
process.stdout.write(JSON.stringify(outcome));
