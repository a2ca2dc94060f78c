// A model file as it was read: its place and the decoded protobuf message, which saving encodes again. Surgery on
// the file's own graph (a new head) makes another Model with the same place, so that external data is still found.

import { quote } from '../quote.js';
import type { Bindings } from './bindings.js';
import type { ExternalFiles } from './external-files.js';
import type { WasStored } from './file/dequantise.js';
import type { AttributeProto, GraphProto, ModelProto, NodeProto } from './onnx_pb.js';

export interface Model {
  /** The .onnx file. */
  readonly path: string;
  /** The model directory: the parent of onnx/, or the file's own directory. */
  readonly directory: string;
  readonly proto: ModelProto;
  /** The files beside it that hold weights; absent for a model that was made in memory. */
  readonly external?: ExternalFiles;
  /** Bytes that graphs of it may take (budget.ts); undefined: the default. */
  readonly maxGraphMemory?: number | undefined;
  /** What the file was, where its stored weights became floats and are to be rounded again when it is written. */
  readonly wasStored?: WasStored | undefined;
  /** Inputs that have one value for all samples (bindings.ts). */
  readonly bind?: Bindings | undefined;
}

/** AttributeProto.type. */
export const AttributeType = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
} as const;

/** The graph of a model; `openModel` has made sure that there is one. */
export function graphOf(model: Model): GraphProto {
  if (!model.proto.graph) throw new Error(`model ${model.path} has no graph`);
  return model.proto.graph;
}

/** 'ai.onnx' is another name of the default domain. */
export const domainOf = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** An operator's name with its domain where that is not the default: 'MatMul', 'com.microsoft.FusedMatMul'. */
export const operatorName = (op: string, domain: string): string =>
  domainOf(domain) === '' ? op : `${domainOf(domain)}.${op}`;

export const isBatchNorm = (node: NodeProto): boolean =>
  operatorName(node.opType, node.domain) === 'BatchNormalization';

/** How messages call a node. */
export const nodeLabel = (node: NodeProto): string =>
  node.name ? quote(node.name) : `that computes ${quote(node.output.find((o) => o) ?? '?')}`;

export const attributeOf = (node: NodeProto, name: string): AttributeProto | undefined =>
  node.attribute.find((a) => a.name === name);

/** The version of the default domain that the model imports, or undefined. */
export function opsetOf(imports: readonly { domain: string; version: bigint }[]): number | undefined {
  const found = imports.find((o) => domainOf(o.domain) === '');
  return found && Number(found.version);
}

/** A name that nothing in the graph has: `stem`, or with a number behind. */
export function freeName(graph: GraphProto, stem: string): string {
  const used = new Set([
    ...graph.input.map((v) => v.name),
    ...graph.initializer.map((t) => t.name),
    ...graph.node.flatMap((n) => [n.name, ...n.output]),
  ]);
  let name = stem;
  for (let n = 1; used.has(name); n++) name = `${stem}_${n}`;
  return name;
}
