// Spells fused operators out in standard ones where the device has no kernel for them. Every fused operator that ortune
// emits has a definition, so a device is complete without any kernel; kernels only make it fast. Kernels compute in
// float32, so in other types the definitions run.

import { Builder } from '../onnx/builder.js';
import { isFloat } from '../onnx/dtype.js';
import { attrInt, type Graph, type Node, operatorKey } from '../onnx/graph.js';
import { spellOut } from '../onnx/spell-out.js';
import { activations } from './definitions/activation.js';
import { attention } from './definitions/attention.js';
import { batchNormalisation } from './definitions/batch-norm.js';
import { channelsLast } from './definitions/channels-last.js';
import { decoder } from './definitions/decoder.js';
import { fusedForward } from './definitions/forward.js';
import { fusedGradients } from './definitions/gradients.js';
import { losses } from './definitions/losses.js';
import { recurrences } from './definitions/recurrent.js';
import { rounding } from './definitions/rounding.js';
import { storedProducts } from './definitions/stored.js';
import type { Form } from './form.js';

/** By `domain.Op`, for every fused operator but the optimizers, which update memory in place. */
export const definitions: ReadonlyMap<string, Form> = new Map(
  [
    fusedGradients,
    fusedForward,
    activations,
    attention,
    batchNormalisation,
    channelsLast,
    decoder,
    losses,
    recurrences,
    rounding,
    storedProducts,
  ].flatMap((table) => Object.entries<Form>(table)),
);

/**
 * Replaces, in place, every operator that `forms` has by what they say, and what those bring in as well. Value names
 * outside stay.
 */
export function useForms(graph: Graph, forms: ReadonlyMap<string, Form>): void {
  const left = new Set<Node>();
  const due = (node: Node): boolean => forms.has(operatorKey(node)) && !left.has(node);
  while (graph.nodes.some(due)) {
    const b = new Builder(graph);
    const nodes = graph.nodes;
    graph.nodes = [];
    for (const node of nodes) {
      if (due(node) && spellOut(b, node, forms.get(operatorKey(node))!)) continue;
      left.add(node);
      graph.nodes.push(node);
    }
  }
}

/**
 * Replaces, in place, every fused operator that `kernels` lacks by its definition. Value names outside stay.
 * @param graph a static graph
 * @param kernels what the device has, as 'ortune.GeluGrad' or 'com.microsoft.FusedMatMul'
 */
export function lower(graph: Graph, kernels: ReadonlySet<string>): void {
  const b = new Builder(graph);
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const definition = definitions.get(operatorKey(node));
    const stays = !definition || (kernels.has(operatorKey(node)) && kernelTakes(graph, node));
    if (stays || !spellOut(b, node, definition)) graph.nodes.push(node);
  }
}

/** Kernels compute in float32, and normalise along the last axis. */
const kernelTakes = (graph: Graph, node: Node): boolean =>
  node.inputs.every((x) => !x || !isFloat(graph.type(x).dtype) || graph.type(x).dtype === 'float32') &&
  (!normsOfChannels.includes(node.op) || attrInt(node, 'channels_last', 0) !== 0);
const normsOfChannels = ['BatchNorm', 'BatchNormGrad'];
