// A smaller model out of a larger one: only the first layers of the trunk are kept, in the file's own graph, so that
// what is saved is the smaller model. What read the last layer then reads the last one kept.

import { create } from '@bufbuild/protobuf';
import { ModelError, UsageError } from '../errors.js';
import { copyOfGraph, dropDeadNodes, freeName } from '../onnx/file/surgery.js';
import { graphOf, type Model } from '../onnx/model.js';
import { NodeProtoSchema } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from './config.js';
import { findLayers, LayeredGraph } from './layers.js';

export interface KeptLayers {
  model: Model;
  /** With the new number of layers. */
  config: ModelConfig;
  /** For people; undefined when nothing changed. */
  note: string | undefined;
}

/**
 * The model with the first `keep` of its layers, or all. `model` itself stays as it is.
 * @throws UsageError for more layers than there are; ModelError where the layers cannot be distinguished
 */
export function keepLayers(model: Model, config: ModelConfig, keep: number | undefined): KeptLayers {
  if (keep === undefined) return { model, config, note: undefined };
  const layers = findLayers(model);
  const { count } = layers;
  if (keep > count)
    throw new UsageError(`keepLayers ${keep}: ${model.path} has ${count} layers; choose a number from 1 to ${count}`);
  if (keep === count) return { model, config, note: undefined };
  const { from, to } = ends(model, new LayeredGraph(model, layers), keep, count);
  const copy = copyOfGraph(model);
  putInPlace(copy, from, to);
  const graph = graphOf(copy);
  dropDeadNodes(graph);
  const left = graph.initializer.find(({ name }) => (layers.of.get(name) ?? -1) >= keep);
  if (left)
    throw new ModelError(
      `${model.path}: layers cannot be left out: an output is computed from ${quote(left.name)} of layer ${layers.of.get(left.name)} ` +
        'past the last layer. Export the model without hidden states and attentions as outputs.',
    );
  return { model: copy, config: withLayers(config, keep), note: `kept the first ${keep} of ${count} layers` };
}

/** The outputs of the last layer that is kept and of the last one there is. */
function ends(model: Model, graph: LayeredGraph, keep: number, count: number): { from: string; to: string } {
  const inner = graph.lastOf(keep - 1);
  const outer = graph.lastOf(count - 1);
  if (inner !== undefined && outer !== undefined) {
    // With the normalisation last a layer ends in a weight; with the normalisation first, in the residual behind it.
    if (graph.entersLayer(keep, inner)) return { from: inner, to: outer };
    const [from, to] = [graph.residualOf(inner), graph.residualOf(outer)];
    if (from !== undefined && to !== undefined && graph.entersLayer(keep, from)) return { from, to };
  }
  throw new ModelError(
    `${model.path}: layers cannot be left out: expected layer ${keep} to read what the last weight of layer ${keep - 1} ` +
      `gives (${inner ?? 'no such weight'}), or its sum with the residual; found neither. Leave keepLayers out.`,
  );
}

/**
 * Gives value `from` the name of value `to`, in place: whatever read `to`, an output of the graph too, reads `from`.
 */
function putInPlace(model: Model, from: string, to: string): void {
  const graph = graphOf(model);
  if (graph.output.some(({ name }) => name === from))
    throw new ModelError(
      `${model.path}: layers cannot be left out: ${quote(from)}, the output of the last one to keep, is an output of the model. ` +
        'Export the model without hidden states as outputs.',
    );
  const renamed = new Map([
    [from, to],
    [to, freeName(graph, `${to}.dropped`)],
  ]);
  graph.node = graph.node.map((node) =>
    [...node.input, ...node.output].some((name) => renamed.has(name))
      ? Object.assign(create(NodeProtoSchema), node, {
          input: node.input.map((input) => (input === from ? to : input)),
          output: node.output.map((output) => renamed.get(output) ?? output),
        })
      : node,
  );
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !renamed.has(name));
}

/** The number of layers under whichever name the family has for it. */
function withLayers(config: ModelConfig, keep: number): ModelConfig {
  const names = ['num_hidden_layers', 'n_layers', 'num_layers', 'n_layer'].filter((name) => name in config);
  return { ...config, ...Object.fromEntries(names.map((name) => [name, keep])) };
}
