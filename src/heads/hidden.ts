// The vectors behind a head, in the file's own graph: the hidden states that a language-model head scores words from,
// and the pooled vector of a second head. Whatever stands between is found by what it computes, token by token, not by
// names.

import { onnxDataType } from '../onnx/dtype.js';
import { FileGraph, type Linear } from '../onnx/file/file-graph.js';
import { dimensions, type FileDim, withShape } from '../onnx/file/surgery.js';
import { graphOf, type Model, operatorName } from '../onnx/model.js';
import type { NodeProto, ValueInfoProto } from '../onnx/onnx_pb.js';
import { traitsOfOperator } from '../onnx/operators.js';
import { findLastLinear, type LastLinear, lastLinear } from './last-linear.js';

/** The value with the vectors a head starts from, and the layer that ends it. */
export interface Hidden {
  /** Float, [batch, sequence, size] or [batch, size], as the output it comes from. */
  info: ValueInfoProto;
  last: LastLinear;
  /** Whether another linear layer lies between. */
  transformed: boolean;
}

/**
 * The hidden states that `logits` come from. A language-model head is a linear layer (the decoder) behind, at most, one
 * other with activation and normalisation (the transform); what that one reads is hidden. Without a transform
 * it is what the decoder reads.
 * @throws ModelError when the logits do not come from a linear layer
 */
export function findHidden(model: Model, logits: ValueInfoProto): Hidden {
  const last = findLastLinear(model, logits.name);
  const transform = transformBefore(new FileGraph(graphOf(model)), last.x);
  const info = vector(logits, transform?.x ?? last.x, transform ?? last);
  return { last, info, transformed: transform !== undefined };
}

/** The vector of each text that a classifier's last layer computes `logits` [batch, classes] from. */
export function findVector(model: Model, logits: ValueInfoProto): Omit<Hidden, 'transformed'> {
  const last = findLastLinear(model, logits.name);
  return { last, info: vector(logits, last.x, last) };
}

/** The output of the pooler that `logits` [batch, classes] come from; undefined where no Tanh makes it. */
export function findPooled(model: Model, logits: ValueInfoProto): ValueInfoProto | undefined {
  const graph = new FileGraph(graphOf(model));
  const isPooler = (value: string): boolean => graph.producer(value)?.opType === 'Tanh';
  if (isPooler(logits.name)) return logits;
  if (!lastLinear(graph, logits.name)) return undefined;
  const { info } = findVector(model, logits);
  return isPooler(info.name) ? info : undefined;
}

/** Activations and normalisation, also written out in parts (ReduceMean): each token's vector by itself. */
function byToken({ opType, domain }: NodeProto): boolean {
  const { elementwise, byRow } = traitsOfOperator(operatorName(opType, domain));
  return opType === 'Constant' || elementwise !== undefined || byRow === true;
}

/** What a linear layer reads, stated as the output is. */
function vector(output: ValueInfoProto, name: string, { inputs, weight }: Linear): ValueInfoProto {
  const shape: FileDim[] = dimensions(output) ?? ['batch_size', null];
  const info = withShape(output, [...shape.slice(0, -1), inputs], name);
  if (info.type?.value.case === 'tensorType') info.type.value.value.elemType = onnxDataType(weight.computed);
  return info;
}

/**
 * The only linear layer that `value` comes from by steps that keep to each token; undefined where there is more to it.
 */
function transformBefore(graph: FileGraph, value: string): Linear | undefined {
  const found = new Set<NodeProto>();
  const seen = new Set<string>();
  const waiting = [value];
  for (let v = waiting.pop(); v !== undefined; v = waiting.pop()) {
    if (!v || seen.has(v) || graph.constant(v)) continue;
    seen.add(v);
    const node = graph.producer(v);
    if (!node) return undefined;
    if (graph.linear(node)) found.add(node);
    else if (byToken(node)) waiting.push(...node.input);
    else return undefined;
  }
  if (found.size !== 1) return undefined;
  const [node] = found;
  return graph.linear(node!);
}
