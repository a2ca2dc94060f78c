// Gives a model a classification head with the wanted number of classes, in the file's own graph and opset, so that the
// trained model is the original file with another head. A head that fits stays. One of another size keeps all layers
// but the last linear one, which is drawn anew. A model without a head gets its family's (see families.ts), and one
// with a head over every token, such as a language model's, gets it in place of that.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { encodeAttribute } from '../onnx/encode.js';
import { copyOfGraph, dimensions, dropDeadNodes, isFloatInfo, withShape } from '../onnx/file/surgery.js';
import { graphOf, type Model } from '../onnx/model.js';
import { type NodeProto, NodeProtoSchema, type ValueInfoProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';
import { type AddHeadOptions, addHead } from './families.js';
import { findHidden, findPooled, findVector } from './hidden.js';
import { findLastLayers, type LastLinear, replaceLastLinear } from './last-linear.js';

export interface HeadOptions {
  /** Number of classes. */
  labels: number;
  seed: number;
  /**
   * Widths of hidden layers before the classifier. Where there are some the head is new, also where the old one fits.
   */
  layers?: readonly number[] | undefined;
  /** The model's config.json: family, initializer range. */
  config?: ModelConfig | undefined;
}

export interface HeadResult {
  model: Model;
  change: 'kept' | 'replaced' | 'added';
  /** For people; undefined when nothing changed. */
  note: string | undefined;
}

/**
 * A model whose output `logits` is [batch, labels]. `model` itself stays as it is.
 * @throws ModelError when the outputs are neither logits of a classifier or a language model nor hidden states or a
 *   pooled vector, or when the layer that makes the logits is not linear.
 */
export function ensureHead(model: Model, options: HeadOptions): HeadResult {
  const { labels, seed, layers = [], config = {} } = options;
  const { logits, stripped, ...found } = outputsOf(model);
  if (!logits) return withNewHead(model, found, options, stripped);
  return ensureClassifierHead(model, logits, { labels, seed, layers, config });
}

/** The same for a model whose output `logits` is a classifier's already. @throws ModelError as ensureHead */
export function ensureClassifierHead(model: Model, logits: ValueInfoProto, options: HeadOptions): HeadResult {
  const { labels, seed, layers = [], config = {} } = options;
  if (layers.length > 0) {
    const { info, last } = findVector(model, logits);
    return withNewHead(model, { vector: info }, options, `last layer ${quote(last.weight.name)}`);
  }
  const found = findLastLayers(model, logits.name);
  const [{ outputs }] = found as [LastLinear];
  if (outputs === labels) return { model, change: 'kept', note: undefined };
  const copy = copyOfGraph(model);
  const deviation = config.initializer_range ?? 0.02;
  for (const [stream, layer] of found.entries()) {
    replaceLastLinear(copy, layer, { labels, seed, stream, deviation });
    relabel(copy, logits, labels, layer);
  }
  const names = found.map(({ weight }) => quote(weight.name)).join(' and ');
  const what = found.length > 1 ? 'layers' : 'layer';
  return {
    model: copy,
    change: 'replaced',
    note: `replaced the last ${what} ${names}: ${outputs} classes became ${labels}`,
  };
}

/** The vectors with a head of their own, and nothing else; `stripped`: what they had instead, for people. */
export function withNewHead(
  model: Model,
  vectors: Pick<AddHeadOptions, 'hidden' | 'pooled' | 'vector' | 'taken'>,
  { config = {}, ...options }: HeadOptions,
  stripped: string | undefined,
): HeadResult {
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  graph.output = [vectors.hidden, vectors.pooled, vectors.vector].filter((output) => output !== undefined);
  dropDeadNodes(graph);
  const summary = addHead(copy, { ...vectors, ...options, config });
  dropDeadNodes(graph);
  const head = `a head for ${options.labels} classes: ${summary}`;
  if (!stripped) return { model: copy, change: 'added', note: `added ${head}` };
  return { model: copy, change: 'replaced', note: `replaced the ${stripped} by ${head}` };
}

/** The output's last dimension, and no stated shapes for what leads to it, whether in the file or in its reshapes. */
function relabel(model: Model, logits: ValueInfoProto, labels: number, linear: LastLinear): void {
  const graph = graphOf(model);
  graph.output = graph.output.map((output) => {
    const shape = output.name === logits.name ? dimensions(output) : undefined;
    return shape ? withShape(output, [...shape.slice(0, -1), labels]) : output;
  });
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !linear.values.includes(name));
  graph.node = graph.node.map((node) =>
    node.opType === 'Reshape' && linear.values.includes(node.output[0]!) ? flattening(node) : node,
  );
}

/** Of the mean over all places, [batch, classes, 1, 1]: a Reshape may have the number of classes in it. */
const flattening = ({ name, input, output }: NodeProto): NodeProto =>
  create(NodeProtoSchema, {
    name,
    opType: 'Flatten',
    input: input.slice(0, 1),
    output,
    attribute: [encodeAttribute('axis', { kind: 'int', value: 1 })],
  });

interface Outputs {
  logits?: ValueInfoProto;
  hidden?: ValueInfoProto;
  pooled?: ValueInfoProto;
  /** The head that is not wanted, for people. */
  stripped?: string;
}

/** The model's outputs by role, from their names, and from their ranks where an export's names are arbitrary. */
function outputsOf(model: Model): Outputs {
  const { output, node } = graphOf(model);
  const floats = output.filter(isFloatInfo);
  const rank = (info: ValueInfoProto): number | undefined => dimensions(info)?.length;
  const named = (pattern: RegExp): ValueInfoProto | undefined => floats.find(({ name }) => pattern.test(name));
  const logits = named(/^logits$/) ?? named(/^prediction_logits$/);
  const vectors = floats.filter((info) => rank(info) === 2);
  const found = output.map((info) => `${quote(info.name)} of rank ${rank(info) ?? 'unknown'}`).join(', ');
  if (logits && rank(logits) === 3) return behindTokens(model, logits, vectors);
  if (logits && (rank(logits) ?? 2) !== 2)
    throw new ModelError(
      `${model.path}: text classification needs logits of shape [batch, classes], or [batch, sequence, vocabulary] of a ` +
        `language model; found ${found}. Export the model for sequence classification, or without its head (feature extraction).`,
    );
  if (logits) return { logits };
  const hidden = named(/hidden_state|token_embeddings/) ?? floats.find((info) => rank(info) === 3);
  const pooled = named(/pooler_output/) ?? vectors.find((info) => isPooler(info.name));
  if (hidden || pooled) return { ...(hidden && { hidden }), ...(pooled && { pooled }) };
  if (vectors.length === 1) return { logits: vectors[0]! };
  throw new ModelError(
    `${model.path}: expected an output named logits, last_hidden_state or pooler_output; found ${found}. ` +
      'Export the model with one of these output names.',
  );

  function isPooler(name: string): boolean {
    return node.find((n) => n.output.includes(name))?.opType === 'Tanh';
  }
}

/** The vectors behind a head that scores every token; the pooler's too where a head over whole texts reads it. */
function behindTokens(model: Model, logits: ValueInfoProto, vectors: readonly ValueInfoProto[]): Outputs {
  const { info, last, transformed } = findHidden(model, logits);
  const pooled = vectors.map((vector) => findPooled(model, vector)).find((found) => found !== undefined);
  const what = transformed ? 'language-model head' : 'head over every token';
  const stripped = `${what} ${quote(last.weight.name)} (${last.outputs} outputs)`;
  return { hidden: info, stripped, ...(pooled && { pooled }) };
}
