// Gives a model a classification head with the wanted number of classes, in the file's own graph and opset, so that the
// trained model is the original file with another head. A head that fits stays. One of another size keeps all layers
// but the last linear one, which is drawn anew. A model without a head gets its family's: see families.ts.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { graphOf, type Model } from '../onnx/model.js';
import { GraphProtoSchema, ModelProtoSchema, type ValueInfoProto } from '../onnx/onnx_pb.js';
import type { ModelConfig } from './config.js';
import { addHead } from './families.js';
import { findLastLinear, type LastLinear, replaceLastLinear } from './last-linear.js';
import { dimensions, dropDeadNodes, withShape } from './surgery.js';

export interface HeadOptions {
  /** Number of classes. */
  labels: number;
  seed: number;
  /** The model's config.json: family, initializer range. */
  config?: ModelConfig | undefined;
}

export interface FittedHead {
  model: Model;
  change: 'kept' | 'replaced' | 'added';
  /** For people; undefined when nothing changed. */
  note: string | undefined;
}

/**
 * A model whose output `logits` is [batch, labels]. `model` itself stays as it is.
 * @throws ModelError when the outputs are neither logits of a classifier nor hidden states or a pooled vector, or when
 *   the layer that makes the logits is not linear.
 */
export function fitHead(model: Model, { labels, seed, config = {} }: HeadOptions): FittedHead {
  const { logits, hidden, pooled } = outputsOf(model);
  const copy = copyOfGraph(model);
  if (!logits) {
    const graph = graphOf(copy);
    graph.output = [hidden, pooled].filter((output) => output !== undefined);
    dropDeadNodes(graph);
    const summary = addHead(copy, { hidden, pooled, labels, seed, config });
    dropDeadNodes(graph);
    return { model: copy, change: 'added', note: `added a head for ${labels} classes: ${summary}` };
  }
  const linear = findLastLinear(model, logits.name);
  if (linear.outputs === labels) return { model, change: 'kept', note: undefined };
  replaceLastLinear(copy, linear, { labels, seed, deviation: config.initializer_range ?? 0.02 });
  relabel(copy, logits, labels, linear);
  const note = `replaced the last layer '${linear.weight.name}': ${linear.outputs} classes became ${labels}`;
  return { model: copy, change: 'replaced', note };
}

/** The same model with a graph of its own to change. */
export function copyOfGraph(model: Model): Model {
  const graph = graphOf(model);
  return {
    ...model,
    proto: Object.assign(create(ModelProtoSchema), model.proto, {
      graph: Object.assign(create(GraphProtoSchema), graph, {
        node: [...graph.node],
        initializer: [...graph.initializer],
        output: [...graph.output],
        valueInfo: [...graph.valueInfo],
      }),
    }),
  };
}

/** The output's last dimension, and no stated shapes for what leads to it. */
function relabel(model: Model, logits: ValueInfoProto, labels: number, linear: LastLinear): void {
  const graph = graphOf(model);
  graph.output = graph.output.map((output) => {
    const shape = output.name === logits.name ? dimensions(output) : undefined;
    return shape ? withShape(output, [...shape.slice(0, -1), labels]) : output;
  });
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !linear.values.includes(name));
}

interface Outputs {
  logits?: ValueInfoProto;
  hidden?: ValueInfoProto;
  pooled?: ValueInfoProto;
}

/** Tells the outputs apart by their names, and by their ranks where an export left the names to chance. */
function outputsOf(model: Model): Outputs {
  const { output, node } = graphOf(model);
  const floats = output.filter(
    ({ type }) => type?.value.case === 'tensorType' && [1, 10, 11, 16].includes(type.value.value.elemType),
  );
  const rank = (info: ValueInfoProto): number | undefined => dimensions(info)?.length;
  const named = (pattern: RegExp): ValueInfoProto | undefined => floats.find(({ name }) => pattern.test(name));
  const logits = named(/^logits$/);
  const found = output.map((info) => `'${info.name}' of rank ${rank(info) ?? 'unknown'}`).join(', ');
  if (logits && (rank(logits) ?? 2) !== 2)
    throw new ModelError(
      `${model.path}: text classification needs logits of shape [batch, classes]; found ${found}. ` +
        'Export the model for sequence classification, or without its head (feature extraction).',
    );
  if (logits) return { logits };
  const hidden = named(/hidden_state|token_embeddings/) ?? floats.find((info) => rank(info) === 3);
  const vectors = floats.filter((info) => rank(info) === 2);
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
