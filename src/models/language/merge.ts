// The two graphs of a decoder that attends to an encoder, without a cache and with one, as one file: an If on
// `use_cache_branch` whose then_branch reads the cache and whose else_branch reads whole targets, with the weights
// beside it for both. As optimum's decoder_model_merged.onnx, which transformers.js opens and ortune trains by its
// else_branch.

import { create } from '@bufbuild/protobuf';
import { concat, encodeNode, encodeTensor, encodeValueInfo, modelPieces } from '../../onnx/encode.js';
import { type Graph, prune, type ValueInfo } from '../../onnx/graph.js';
import { AttributeType } from '../../onnx/model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
} from '../../onnx/onnx_pb.js';

/** Name of the input that says which branch runs: true with a cache. */
const switchInput = 'use_cache_branch';

function branch(name: string, graph: Graph): AttributeProto {
  prune(graph);
  const g = create(GraphProtoSchema, {
    name: graph.name,
    node: graph.nodes.map(encodeNode),
    output: graph.outputs.map(encodeValueInfo),
  });
  return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g });
}

/**
 * The bytes of the merged file. The graphs read the same inputs and have the same outputs and weights; what one of them
 * does not need of these is left out of it.
 * @param caches the inputs that only the graph with a cache reads
 */
export function mergeBranches(without: Graph, cached: Graph, caches: readonly ValueInfo[]): Uint8Array {
  const inputs: ValueInfo[] = [...without.inputs, ...caches, { name: switchInput, dtype: 'bool', shape: [1] }];
  const outputs = without.outputs;
  const node = create(NodeProtoSchema, {
    name: 'optimum::if',
    opType: 'If',
    input: [switchInput],
    output: outputs.map(({ name }) => name),
    attribute: [branch('then_branch', cached), branch('else_branch', without)],
  });
  return concat(
    modelPieces(
      create(ModelProtoSchema, {
        irVersion: 10n,
        producerName: 'ortune',
        opsetImport: [{ domain: '', version: BigInt(without.opset) }],
        graph: create(GraphProtoSchema, {
          name: 'merged',
          node: [node],
          input: inputs.map(encodeValueInfo),
          output: outputs.map(encodeValueInfo),
          initializer: [...without.initializers].map(([name, tensor]) => encodeTensor(tensor, name)),
        }),
      }),
    ),
  );
}
