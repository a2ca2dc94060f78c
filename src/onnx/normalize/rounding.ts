// QuantizeLinear and DequantizeLinear with one scale, as quantised activations and quantisation-aware training have
// them: together they round a float to one of few numbers, which is one operator here (ortune.FakeQuantize), since no
// derivative goes through whole numbers. Its gradient is that of PyTorch's fake_quantize.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import { type DataType, dataTypeFromOnnx } from '../dtype.js';
import { attrInt, type Graph, type Node, type Value } from '../graph.js';

/** The least and largest number of each type. */
const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/**
 * Puts the operator in the place of each such pair, in place.
 * @throws ModelError for a QuantizeLinear that something else reads, by name
 */
export function pairRounding(graph: Graph, path: string): void {
  const quantizers = new Map(
    graph.nodes.flatMap((node) =>
      node.op === 'QuantizeLinear' && node.domain === '' ? [[node.outputs[0]!, node]] : [],
    ),
  );
  if (quantizers.size === 0) return;
  for (const node of graph.nodes) {
    const source = quantizers.get(node.inputs[0]!);
    if (source && node.op === 'DequantizeLinear' && node.domain === '') becomeOne(graph, source, node);
  }
  const read = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  const left = [...quantizers].find(([out]) => read.has(out))?.[1];
  if (left)
    throw new ModelError(
      `${path} is quantised: node ${quote(left.name)} is QuantizeLinear, and what reads it is not a DequantizeLinear with ` +
        'the same scale, zero point and axis, of 8 or 16 bits. Use the float32 or float16 model.',
    );
  graph.nodes = graph.nodes.filter(({ outputs }) => !quantizers.has(outputs[0]!));
}

/** Makes one operator of the two where they have one scale. */
function becomeOne(graph: Graph, from: Node, to: Node): void {
  const [x, scale, zero = ''] = from.inputs as [Value, Value, Value?];
  const stated = dataTypeFromOnnx(attrInt(from, 'output_dtype', 0));
  const dtype = zero ? graph.initializers.get(zero)?.dtype : (stated ?? 'uint8');
  const range = dtype && ranges[dtype];
  const same = (input: number): boolean => sameConstant(graph, from.inputs[input] ?? '', to.inputs[input] ?? '');
  const plain = [from, to].every((node) => attrInt(node, 'block_size', 0) === 0 && attrInt(node, 'precision', 0) === 0);
  const axes = [from, to].map((node) => attrInt(node, 'axis', 1));
  const single = graph.initializers.get(scale)?.size === 1;
  if (!range || !plain || !same(1) || !same(2) || (axes[0] !== axes[1] && !single)) return;
  if (attrInt(to, 'output_dtype', 0) !== 0) return;
  Object.assign(to, { op: 'FakeQuantize', domain: 'ortune', inputs: zero ? [x, scale, zero] : [x, scale] });
  to.attrs = new Map(
    Object.entries({ axis: axes[0]!, low: range[0], high: range[1] }).map(([name, value]) => [
      name,
      { kind: 'int', value },
    ]),
  );
}

/** Whether two names stand for one constant: exporters write it again for each node. */
function sameConstant(graph: Graph, a: Value, b: Value): boolean {
  const [p, q] = [graph.initializers.get(a), graph.initializers.get(b)];
  if (!p || !q) return a === b && a === '';
  return p === q || (p.dtype === q.dtype && p.size === q.size && Buffer.from(p.bytes()).equals(q.bytes()));
}
