// What ortune does not train, refused by name when a model is opened, before anything is built from it. This is a
// list of what is known to be hopeless; operators that merely lack a gradient are reported by autodiff.

import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { allBodies, bodiesOf, isControl } from './blocks.js';
import { operatorKey } from './graph.js';
import { attributeOf, domainOf, graphOf, type Model, nodeLabel, operatorName, opsetOf } from './model.js';
import { wholeNumberOperators } from './normalize/whole-numbers.js';
import type { FunctionProto, NodeProto } from './onnx_pb.js';

export const OLDEST_OPSET = 7;
export const NEWEST_OPSET = 25;

// com.microsoft: QOrderedMatMul, DynamicQuantizeLSTM, …
const quantisedPattern =
  /^(Q(?=[A-Z])|Dequantize|Quantize|DynamicQuantize|MatMulInteger|ConvInteger)|NBits|Bnb4|FpQ4|BlockQuantized|BFPQuantize|Quantized/;
// Around these everything else trains: their weights are frozen as they are stored.
const aroundStored = new Set(['DequantizeLinear', 'GatherBlockQuantized', 'MatMulBnb4', 'MatMulNBits']);
const resolved = new Set(wholeNumberOperators);
const trainingDomains = new Set(['ai.onnx.training', 'ai.onnx.preview.training']);

/** Whether an operator computes with rounded numbers in a way that nothing around it can be trained. */
export const isQuantisedOperator = (domain: string, op: string): boolean =>
  domain === 'com.microsoft' &&
  quantisedPattern.test(op) &&
  !aroundStored.has(op) &&
  !resolved.has(operatorKey({ domain, op }));

const isQuantised = (node: NodeProto): boolean => isQuantisedOperator(domainOf(node.domain), node.opType);

const isTraining = (node: NodeProto): boolean =>
  trainingDomains.has(node.domain) || (node.domain === 'com.microsoft' && /Grad$|Gradient|Optimizer/.test(node.opType));

/** Functions by domain, name and overload. */
export const functionKey = (domain: string, name: string, overload: string): string =>
  `${domainOf(domain)}\n${name}\n${overload}`;

export const functionsOf = (model: Model): Map<string, FunctionProto> =>
  new Map(model.proto.functions.map((f) => [functionKey(f.domain, f.name, f.overload), f]));

/** All nodes that may run: the graph's, those of the functions it reaches, and those of sub-graphs. */
function* reachableNodes(model: Model): Generator<NodeProto> {
  const functions = functionsOf(model);
  const entered = new Set<string>();
  const pending: Iterable<NodeProto>[] = [graphOf(model).node];
  for (let nodes = pending.pop(); nodes; nodes = pending.pop())
    for (const node of nodes) {
      const key = functionKey(node.domain, node.opType, node.overload);
      const body = functions.get(key);
      for (const inner of bodiesOf(node)) pending.push(inner.node);
      if (!body) yield node;
      else if (!entered.has(key)) {
        entered.add(key);
        pending.push(body.node);
      }
    }
}

/** ModelError when the opset is missing or outside what normalisation knows. */
export function checkOpset(imports: readonly { domain: string; version: bigint }[], what: string): number {
  const opset = opsetOf(imports);
  if (opset === undefined)
    throw new ModelError(`${what} does not say which opset it uses: the file is damaged. Export it again.`);
  if (opset >= OLDEST_OPSET && opset <= NEWEST_OPSET) return opset;
  throw new ModelError(
    `${what} uses opset ${opset}; expected ${OLDEST_OPSET} to ${NEWEST_OPSET}. ` +
      `Export the model again with opset_version=17, or convert it with onnx.version_converter.`,
  );
}

/** ModelError naming what the model holds that ortune does not train, with the first node that has it. */
export function refuse(model: Model): void {
  const { path, proto } = model;
  if (proto.trainingInfo.length > 0 || proto.graph?.node.some(isTraining)) {
    const node = proto.graph?.node.find(isTraining);
    throw new ModelError(
      `${path} is a training artifact${node ? ` (node ${nodeLabel(node)} is ${operatorName(node.opType, node.domain)})` : ''}; ` +
        'expected the forward model. ortune derives gradients itself: give it the model that the artifact was made from.',
    );
  }
  checkOpset(proto.opsetImport, path);
  for (const node of reachableNodes(model)) {
    const name = operatorName(node.opType, node.domain);
    if (isQuantised(node))
      throw new ModelError(
        `${path} is quantised: node ${nodeLabel(node)} is ${name}, which ortune does not know. Use the float32 or ` +
          'float16 model (in a transformers.js directory: onnx/model.onnx).',
      );
    const graphs = isControl(node) ? undefined : node.attribute.find((a) => a.g !== undefined || a.graphs.length > 0);
    if (graphs)
      throw new ModelError(
        `${path}: node ${nodeLabel(node)} (${name}) holds a sub-graph in its attribute ${quote(graphs.name)}, which ortune does not train: ` +
          'it knows those of If, Loop and Scan. Export the model without it.',
      );
    if (attributeOf(node, 'sparse_value'))
      throw new ModelError(
        `${path}: node ${nodeLabel(node)} (${name}) is a sparse tensor, which ortune does not train. Export dense weights.`,
      );
  }
  const all = [
    graphOf(model),
    ...model.proto.functions.flatMap((f) => [...allBodies(f.node)]),
    ...allBodies(graphOf(model).node),
  ];
  const sparse = all.flatMap((graph) => graph.sparseInitializer)[0];
  if (sparse)
    throw new ModelError(
      `${path} has the sparse initializer '${sparse.values?.name ?? ''}', which ortune does not train. Export dense weights.`,
    );
}
