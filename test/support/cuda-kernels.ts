// Whether the runtime's CUDA provider has a kernel for every node of a graph, by the table that upstream generates from
// its registered kernels (fixtures/cuda): operator, opset and element types, as the runtime looks kernels up. And what
// the table does not say but the provider's source does: combinations of types, and attributes with which it refuses a
// node.

import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { decodeNode, decodeTensor, decodeValueInfo } from '#ortune/onnx/decode.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { attrInt, attrInts, Graph, type Node } from '#ortune/onnx/graph.js';
import { sortNodes } from '#ortune/onnx/normalize/tidy.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { inferTypes } from '#ortune/onnx/shapes.js';

type Kernel = [from: number, to: number | null, inputs: string, outputs: string, types: Record<string, string>];

const read = (file: string) => JSON.parse(readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8'));
const { opset, kernels } = read('cuda/kernels.json') as { opset: number; kernels: Record<string, Kernel[]> };
const versions = read('onnx/operator-versions.json') as Record<string, number[]>;

/** The opset that defined the operator as opset 21 has it. */
const sinceVersion = (op: string): number => versions[op]!.filter((version) => version <= opset).at(-1)!;

/** A kernel without a last opset is for the one operator version that it names. */
const isFor = ([from, to]: Kernel, since: number): boolean =>
  from === since || (to !== null && from <= since && to >= since);

const words = (text: string): string[] => text.split(' ').filter(Boolean);

type TypeOf = (value: string) => DataType;

/** Why the provider leaves a node to the CPU; undefined where it takes it. */
function whyNotOnCuda(node: Node, typeOf: TypeOf): string | undefined {
  const { op, domain } = node;
  if (domain) return `domain ${domain}`;
  if (!kernels[op]) return 'no kernel';
  const since = sinceVersion(op);
  const fitting = kernels[op].filter((kernel) => isFor(kernel, since));
  if (fitting.length === 0) return `no kernel for version ${since}`;
  const reasons = fitting.map(([, , inputs, outputs, types]) => {
    const wrong = (names: string[], values: readonly string[]): string[] =>
      values.flatMap((value, i) => {
        const set = names[Math.min(i, names.length - 1)]!;
        const taken = types[set] ?? (/^[a-z]/.test(set) ? set : undefined);
        return !value || !taken || words(taken).includes(typeOf(value)) ? [] : [`${value} is ${typeOf(value)}`];
      });
    return [...wrong(words(inputs), node.inputs), ...wrong(words(outputs), node.outputs)].join(', ');
  });
  return reasons.every(Boolean) ? reasons[0] : refusal(node, typeOf);
}

/** What the table does not say. */
function refusal(node: Node, typeOf: TypeOf): string | undefined {
  const { op, inputs } = node;
  if (op === 'BatchNormalization' && attrInt(node, 'training_mode', 0)) return 'training mode fails when it runs';
  if ((op === 'ArgMax' || op === 'ArgMin') && attrInt(node, 'select_last_index', 0)) return 'the last of equal values';
  if (op === 'OneHot' && typeOf(inputs[0]!) !== typeOf(inputs[1]!)) return 'indices and depth of two types';
  if (op.startsWith('Scatter') && node.attrs.has('reduction') && node.attrs.get('reduction')!.value !== 'none')
    return 'atomics add in any order';
  const pads = op === 'ConvTranspose' ? (attrInts(node, 'pads') ?? []) : [];
  const half = pads.length / 2;
  if (pads.slice(0, half).some((pad, i) => pad !== pads[half + i])) return 'pads that differ before and behind';
  // Nodes behind these, which give host tensors, are moved to the CPU.
  if (op === 'Shape' || op === 'Size' || op === 'NonZero') return 'its output lies on the host';
  return undefined;
}

/** What a session is made from, as a graph with the type of every value. */
export function readModel(bytes: Uint8Array): Graph {
  const proto = fromBinary(ModelProtoSchema, bytes);
  const model = { path: 'a graph of ortune', directory: '', proto };
  const graph = new Graph();
  for (const tensor of proto.graph!.initializer) {
    const value = decodeTensor(tensor, tensor.name, model);
    graph.initializers.set(tensor.name, value);
    graph.types.set(tensor.name, { dtype: value.dtype, shape: value.shape });
  }
  graph.inputs = proto.graph!.input.map((input) => decodeValueInfo(input, 'input', model));
  for (const { name, dtype, shape } of graph.inputs) graph.types.set(name, { dtype, shape: shape as number[] });
  graph.outputs = proto.graph!.output.map((output) => decodeValueInfo(output, 'output', model));
  graph.nodes = proto.graph!.node.map((node) => decodeNode(node, node.name, model));
  // The runtime sorts nodes itself.
  sortNodes(graph, model);
  for (const node of graph.nodes)
    for (const [i, type] of inferTypes(graph, node).entries())
      if (node.outputs[i]) graph.types.set(node.outputs[i]!, type);
  return graph;
}

/** Every node that CUDA has no kernel for, as 'name (Op): reason'; float64 read as float32. */
export function missingOnCuda(graph: Graph): string[] {
  const typeOf = (value: string): DataType => {
    const { dtype } = graph.type(value);
    return dtype === 'float64' ? 'float32' : dtype;
  };
  return graph.nodes.flatMap((node) => {
    const why = whyNotOnCuda(node, typeOf);
    return why === undefined ? [] : [`${node.name} (${node.op}): ${why}`];
  });
}
