// Gives a model a head that scores every token by itself: logits [batch, sequence, labels] from its hidden states. A
// head of as many labels stays; any other head over tokens, such as a language model's, is replaced.

import { ModelError } from '../errors.js';
import {
  copyOfGraph,
  dimensions,
  dropDeadNodes,
  elementTypeOf,
  type FileDim,
  freeName,
  isFloatInfo,
  withShape,
} from '../onnx/file/surgery.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import type { GraphProto, ValueInfoProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';
import type { HeadOptions, HeadResult } from './classification.js';
import { hiddenSize } from './families.js';
import { FileBuilder } from './file-builder.js';
import { findHidden } from './hidden.js';
import { isHidden } from './hidden-name.js';
import { refuseProbabilities } from './last-linear.js';

/**
 * A model whose output `logits` is [batch, sequence, labels]. `model` itself stays as it is.
 * @throws ModelError for a model that gives no vector for each token, or something else than logits
 */
export function ensureTokenHead(model: Model, { labels, seed, config = {} }: HeadOptions): HeadResult {
  const logits = tokenLogits(model);
  if (logits && dimensions(logits)!.at(-1) === labels) {
    refuseProbabilities(model, logits.name);
    return { model, change: 'kept', note: undefined };
  }
  const head = {
    needs: 'a label for each token needs',
    instead: 'for token classification',
    name: `a head for ${labels} labels of each token, classifier`,
  };
  return onTokenVectors(model, { seed, config, ...head }, (add, graph, hidden, size) => {
    const output = freeName(graph, 'logits');
    add.linearPerToken('classifier', hidden.name, size, labels, output);
    return [withShape(hidden, [...dimensions(hidden)!.slice(0, 2), labels] as FileDim[], output)];
  });
}

/** A head over the vector of each token. */
interface TokenHead {
  seed: number;
  config: ModelConfig;
  /** For the message where there are no such vectors: what needs them, and what to export the model for instead. */
  needs: string;
  instead: string;
  /** In a note. */
  name: string;
}

/**
 * A copy of the model with a head on the vector of each token, in place of the one over every token where it has one.
 * @param write appends the head's nodes and gives its outputs; `size` is that of a vector
 * @throws ModelError for a model that gives no vector for each token
 */
export function onTokenVectors(
  model: Model,
  { seed, config, needs, instead, name }: TokenHead,
  write: (add: FileBuilder, graph: GraphProto, hidden: ValueInfoProto, size: number) => ValueInfoProto[],
): HeadResult {
  const { hidden, replaced } = tokenVectors(model, needs, instead);
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  graph.output = [hidden];
  dropDeadNodes(graph);
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(hidden), seed, config);
  graph.output = write(add, graph, hidden, hiddenSize(copy, hidden, config));
  dropDeadNodes(graph);
  if (!replaced) return { model: copy, change: 'added', note: `added ${name}` };
  return { model: copy, change: 'replaced', note: `replaced the ${replaced} by ${name}` };
}

const perToken = (info: ValueInfoProto | undefined): boolean => info !== undefined && dimensions(info)?.length === 3;

/** Logits of each token, where the model gives them. */
function tokenLogits(model: Model): ValueInfoProto | undefined {
  const logits = graphOf(model).output.find((info) => isFloatInfo(info) && /^(prediction_)?logits$/.test(info.name));
  return perToken(logits) ? logits : undefined;
}

/**
 * The vector of each token, [batch, sequence, size], behind a head over every token where the model has one.
 * @param replaced in words the head that stands on them
 * @throws ModelError for a model that gives none, with what `needs` them and what to export the model `instead`
 */
function tokenVectors(
  model: Model,
  needs: string,
  instead: string,
): { hidden: ValueInfoProto; replaced: string | undefined } {
  const outputs = graphOf(model).output.filter(isFloatInfo);
  const logits = tokenLogits(model);
  const behind = logits ? findHidden(model, logits) : undefined;
  const hidden = behind?.info ?? outputs.find(({ name }) => isHidden(name)) ?? outputs.find(perToken);
  if (hidden && perToken(hidden)) {
    const replaced =
      behind && `head over every token ${quote(behind.last.weight.name)} (${behind.last.outputs} outputs)`;
    return { hidden, replaced };
  }
  const list = outputs.map((info) => `${quote(info.name)} of rank ${dimensions(info)?.length ?? 'unknown'}`).join(', ');
  throw new ModelError(
    `${model.path}: ${needs} an output last_hidden_state, or logits of shape [batch, sequence, labels]; ` +
      `found ${list}. Export the model without its head (feature extraction) or ${instead}.`,
  );
}
