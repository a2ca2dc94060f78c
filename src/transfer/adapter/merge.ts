// An adapter that becomes part of the weights: W + s·B·A in the form that the file keeps W in, of DoRA with each
// output's row scaled to its magnitude. Computed in float64 and rounded once. Layers that the file stores as rounded
// numbers become float ones, since what an adapter adds is finer than their steps; the others stay as they are stored.

import { isFloat } from '../../onnx/dtype.js';
import { dequantiseFile } from '../../onnx/file/dequantise.js';
import type { Graph, Value } from '../../onnx/graph.js';
import { toGraph } from '../../onnx/load.js';
import type { Model } from '../../onnx/model.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { ModelConfig } from '../config.js';
import { chooseParameters, type Parameter } from '../parameters.js';
import { type Module, modulesOf } from './modules.js';
import type { AdapterLayer } from './peft.js';

/** A file as adapters see it. */
export interface Opened {
  model: Model;
  graph: Graph;
  parameters: readonly Parameter[];
  modules: readonly Module[];
}

/** @throws ModelError, UsageError for a file without weights */
export function openForAdapters(model: Model, config: ModelConfig): Opened {
  const graph = toGraph(model);
  const outputs = graph.outputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name);
  const { trainable, frozen } = chooseParameters(model, graph, { outputs });
  const parameters = [...trainable, ...frozen];
  return { model, graph, parameters, modules: modulesOf(graph, parameters, config) };
}

export interface Merged {
  /** With floats where a layer was stored otherwise. */
  model: Model;
  /** The weights that changed. */
  weights: { parameter: Parameter; weight: Tensor }[];
}

/** The file with what adapters add to its layers; `layers`: by their paths in it. The model given stays as it is. */
export function mergeLayers(
  opened: Opened,
  config: ModelConfig,
  layers: ReadonlyMap<string, readonly AdapterLayer[]>,
): Merged {
  const floats = withFloats(opened, config, new Set(layers.keys()));
  const { model, graph, parameters } = floats;
  const known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const sums = new Map<Value, Float64Array>();
  for (const [path, own] of layers) {
    const before = opened.modules.find(({ alias }) => alias === path);
    const now = before && floats.modules.find((module) => outputOf(module) === outputOf(before));
    if (!now) throw new Error(`there is no layer ${quote(path)}`);
    const { source, outFirst } = now;
    const module = { ...before, outFirst };
    const sum = sums.get(source) ?? Float64Array.from(graph.initializers.get(source)!.data() as Float32Array);
    sums.set(source, sum);
    for (const layer of own) {
      addDelta(sum, module, layer);
      if (layer.magnitude) toMagnitude(sum, module, layer.magnitude.data() as Float32Array);
    }
  }
  const weights = [...sums].map(([source, sum]) => {
    const parameter = known.get(source)!;
    return { parameter, weight: Tensor.view('float32', parameter.shape, Float32Array.from(sum)) };
  });
  return { model, weights };
}

/** What tells a layer whose weight has another name now. */
const outputOf = ({ places }: Module): Value => places[0]!.node.outputs[0]!;

/** The file with floats in these layers. */
function withFloats(opened: Opened, config: ModelConfig, paths: ReadonlySet<string>): Opened {
  const stored = opened.modules.filter(({ alias, stored }) => stored && paths.has(alias));
  if (stored.length === 0) return opened;
  const producers = opened.graph.producers();
  const wanted = stored.flatMap(({ places }) =>
    places.flatMap(({ node }) => [...node.outputs, ...(producers.get(node.inputs[1]!)?.outputs ?? [])]),
  );
  const { model } = dequantiseFile(opened.model, new Set(wanted));
  return openForAdapters(model, config);
}

/** W += s·B·A */
function addDelta(
  to: Float64Array,
  { outFirst, outputs, packed, kind }: Module,
  { a, b, scaling }: AdapterLayer,
): void {
  const [down, up] = [a.data() as Float32Array, b.data() as Float32Array];
  const rank = a.shape[0]!;
  const inputs = elementCount(a.shape) / rank;
  const { offset, whole } = packed ?? { offset: 0, whole: outputs };
  // Tables are [rows, width]: rows are the inputs.
  const byOutput = kind !== 'embedding' && outFirst;
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += up[o * rank + r]! * down[r * inputs + i]!;
      to[byOutput ? (o + offset) * inputs + i : i * whole + o + offset]! += scaling * sum;
    }
}

/** ‖W‖ of each output of a linear layer. */
export function outputNorms(w: Float32Array | Float64Array, { outFirst, inputs, outputs }: Module): Float64Array {
  const squares = new Float64Array(outputs);
  for (const [i, value] of w.entries()) squares[outFirst ? Math.floor(i / inputs) : i % outputs]! += value * value;
  return squares.map(Math.sqrt);
}

/** W · m / ‖W‖ */
function toMagnitude(w: Float64Array, module: Module, magnitude: Float32Array): void {
  const { outFirst, inputs, outputs } = module;
  const norms = outputNorms(w, module);
  for (let i = 0; i < w.length; i++) {
    const o = outFirst ? Math.floor(i / inputs) : i % outputs;
    w[i]! *= magnitude[o]! / norms[o]!;
  }
}
