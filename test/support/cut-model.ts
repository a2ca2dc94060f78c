// A model file cut in two at a value, as exporters write an encoder and a decoder: what both halves need of weights and
// of small arithmetic (attention masks) is in both.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clone, create } from '@bufbuild/protobuf';
import { dropDeadNodes } from '#ortune/onnx/file/surgery.js';
import type { Dim } from '#ortune/onnx/graph.js';
import type { ModelPart } from '#ortune/onnx/join.js';
import { type GraphProto, type ModelProto, ModelProtoSchema, ValueInfoProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { value, writeModel } from '../onnx/support.js';

/** The table of the two files. */
export const halves: readonly ModelPart[] = [
  { file: 'encoder_model' },
  { file: 'decoder_model', inputs: { encoder_hidden_states: 'encoder_model/last_hidden_state' } },
];

/**
 * The two halves of `model`.
 * @param at the value, float32 of this shape
 * @param alike values of its shape before it, whose shape the second half asks for
 */
export function cutModel(model: ModelProto, at: string, shape: Dim[], alike: readonly string[] = []): ModelProto[] {
  const info = (name: string) => create(ValueInfoProtoSchema, value(name, 'float32', shape));
  const first = half(model, new Map([[at, 'last_hidden_state']]), (graph) => {
    graph.output = [info('last_hidden_state')];
  });
  const fed = 'encoder_hidden_states';
  const second = half(model, new Map([at, ...alike].map((name) => [name, fed])), (graph) => {
    graph.node = graph.node.filter(({ output }) => !output.includes(fed));
    graph.input.push(info(fed));
  });
  return [first, second];
}

/** A copy with values renamed, changed by `change`, and without what its outputs do not need then. */
function half(
  model: ModelProto,
  renamed: ReadonlyMap<string, string>,
  change: (graph: GraphProto) => void,
): ModelProto {
  const copy = clone(ModelProtoSchema, model);
  const graph = copy.graph!;
  const called = (name: string): string => renamed.get(name) ?? name;
  for (const node of graph.node) {
    node.input = node.input.map(called);
    node.output = node.output.map(called);
  }
  graph.valueInfo = [];
  change(graph);
  dropDeadNodes(graph);
  const read = new Set(graph.node.flatMap(({ input }) => input));
  graph.input = graph.input.filter(({ name }) => read.has(name));
  return copy;
}

/** Writes the halves into `directory`/onnx. */
export function writeHalves(directory: string, protos: readonly ModelProto[]): void {
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  for (const [i, proto] of protos.entries()) writeModel(join(directory, 'onnx', `${halves[i]!.file}.onnx`), proto);
}
