// A file exported in training mode in the form that inference has: what it computes must be the same for every run of
// it, in ortune's evaluation and wherever the saved file is opened. Whether training drops out values, and whose
// statistics it normalises by, are options of the run. TorchScript exports so with training=TrainingMode.TRAINING.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { allBodies, readsOf } from './blocks.js';
import { attributeOf, graphOf, isBatchNorm, type Model, nodeLabel, operatorName } from './model.js';
import { type NodeProto, NodeProtoSchema } from './onnx_pb.js';

const [meanInput, varianceInput] = [3, 4];

/** Changes the model's graph and functions in place. @throws ModelError where a node reads the statistics of a batch */
export function bringToInferenceForm(model: Model): void {
  const graph = graphOf(model);
  const outputs = graph.output.map(({ name }) => name);
  graph.node = inInferenceForm(graph.node, outputs, model);
  for (const body of allBodies(graph.node))
    body.node = inInferenceForm(
      body.node,
      body.output.map(({ name }) => name),
      model,
    );
  for (const f of model.proto.functions) f.node = inInferenceForm(f.node, f.output, model);
}

function inInferenceForm(nodes: readonly NodeProto[], outputs: readonly string[], model: Model): NodeProto[] {
  const read = new Set([...outputs, ...nodes.flatMap(readsOf)]);
  return nodes.flatMap((node) => {
    if (isBatchNorm(node)) return batchNormalization(node, read, model);
    return operatorName(node.opType, node.domain) === 'Dropout' ? [dropout(node)] : [node];
  });
}

/** Input 2 says since opset 12 that values are dropped; left out it says no. */
const dropout = (node: NodeProto): NodeProto =>
  node.input.length > 2 ? Object.assign(create(NodeProtoSchema), node, { input: node.input.slice(0, 2) }) : node;

/**
 * Outputs 1 and 2, the new running averages, are the old ones in inference; 3 and 4, the statistics of the batch until
 * opset 14, are not there.
 */
function batchNormalization(node: NodeProto, read: ReadonlySet<string>, model: Model): NodeProto[] {
  const [y = '', ...statistics] = node.output;
  if (statistics.length === 0 && Number(attributeOf(node, 'training_mode')?.i ?? 0) === 0) return [node];
  const kept = statistics.flatMap((value, i) => {
    if (!value || !read.has(value)) return [];
    const input = node.input[[meanInput, varianceInput][i] ?? node.input.length];
    if (input !== undefined) return [create(NodeProtoSchema, { opType: 'Identity', input: [input], output: [value] })];
    throw new ModelError(
      `${model.path}: ${quote(value)}, the statistics of a batch, is read from BatchNormalization node ${nodeLabel(node)}, ` +
        'which has none outside training. Export the model in evaluation mode.',
    );
  });
  const attribute = node.attribute.filter(({ name }) => name !== 'training_mode');
  return [...kept, Object.assign(create(NodeProtoSchema), node, { output: [y], attribute })];
}
