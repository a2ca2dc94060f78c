// Stored weights as floats that train: all of them as an option says, or those of the layer that gives the logits,
// which a new head takes the place of.

import { UsageError } from '../errors.js';
import { formatBytes } from '../format.js';
import { dequantiseFile } from '../onnx/file/dequantise.js';
import { FileGraph } from '../onnx/file/file-graph.js';
import { graphOf, type Model, operatorName } from '../onnx/model.js';
import type { NodeProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from './config.js';

/**
 * The model with float weights, which saving writes as floats. `model` itself stays as it is.
 * @throws UsageError for a model that stores none as rounded numbers
 */
export function dequantise(model: Model, config: ModelConfig, wanted: boolean | undefined) {
  if (!wanted) return { model, config, note: undefined };
  const { model: made, made: names } = dequantiseFile(model);
  if (names.length === 0)
    throw new UsageError(
      `dequantise: ${model.path} has no weights stored as rounded numbers that can become floats. Leave dequantise out.`,
    );
  const tensors = new Map(graphOf(made).initializer.map((tensor) => [tensor.name, tensor.rawData.byteLength]));
  const bytes = names.reduce((sum, name) => sum + (tensors.get(name) ?? 0), 0);
  return {
    model: made,
    config,
    note: `${names.length} tensors of rounded numbers became floats (${formatBytes(bytes)}): they train`,
  };
}

/**
 * The model as one whose floats are rounded again when it is written, or not.
 * @throws UsageError for one whose weights were not made floats
 */
export function requantise(model: Model, config: ModelConfig, wanted: boolean | undefined) {
  if (!wanted) return { model: { ...model, wasStored: undefined }, config, note: undefined };
  if (!model.wasStored)
    throw new UsageError(
      'requantise: rounds again what dequantise made floats of, and dequantise is not set. Set both, or leave requantise out.',
    );
  return { model, config, note: 'the floats are rounded again, as they were, when the model is written' };
}

/** What to say of the floats that were rounded again. */
export function roundingNote(differences: ReadonlyMap<string, number>): string | undefined {
  const worst = [...differences].sort((a, b) => b[1] - a[1])[0];
  if (!worst) return undefined;
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const mean = [...differences.values()].reduce((sum, d) => sum + d, 0) / differences.size;
  return (
    `${differences.size} tensors were rounded again: the written weights differ from the trained ones by ${percent(mean)} of ` +
    `their norm on average, and by ${percent(worst[1])} in ${quote(worst[0])}; evaluations of the run had the trained ones`
  );
}

/** The model with float weights in the layer that computes the logits, where that has stored ones. */
export function withFloatHead(model: Model): { model: Model; note?: string | undefined } {
  const outputs = graphOf(model).output.map(({ name }) => name);
  const output = outputs.find((name) => name === 'logits') ?? outputs[0]!;
  const { model: made, made: names } = dequantiseFile(model, lastLayer(new FileGraph(graphOf(model)), output));
  const note =
    names.length > 0
      ? `the last layer has floats now in place of rounded numbers: ${names.map(quote).join(', ')}`
      : undefined;
  return { model: made, note };
}

/** The values from an output back to its product, and those that make the product's weights. */
function lastLayer(file: FileGraph, output: string): Set<string> {
  const values = new Set<string>();
  for (let value: string | undefined = output; value !== undefined && !values.has(value); ) {
    values.add(value);
    const node = file.producer(value);
    value = node && before(file, node);
  }
  return values;
}

/** What a node of a last layer makes its output of: its bias and casts apart, and of a product the weights. */
function before(file: FileGraph, { opType, domain, input }: NodeProto): string | undefined {
  switch (operatorName(opType, domain)) {
    case 'Identity':
    case 'Dropout':
    case 'Cast':
    case 'Transpose':
      return input[0];
    case 'MatMul':
    case 'Gemm':
      return input[1];
    case 'Add':
      return input.find((x) => !file.constant(x));
    default:
      return undefined;
  }
}
