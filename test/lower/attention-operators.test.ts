// Attention that files have as one operator, of opset 23 and of com.microsoft, becomes the fused one in each layer,
// with one mask for all: the same outputs and gradients with and without it, by its kernels.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { fuseAttention } from '#ortune/lower/attention.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder, float, toAttr } from '#ortune/onnx/builder.js';
import { Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { addOutput } from '../onnx/graphs.js';
import { runOn } from '../runtime/kernels.js';

// 2 samples of 5 tokens, 4 heads of 16 channels whose keys and values stand there twice.
const [batch, length, heads, groups, size] = [2, 5, 4, 2, 16];
const tensor = (stream: number, ...shape: number[]) =>
  Tensor.of(
    'float32',
    Array.from(normals(3, stream, elementCount(shape)), (v) => v / 8),
    shape,
  );

/** Nodes of a file, whose types are not known yet. */
class Written {
  readonly graph = new Graph();

  op(op: string, inputs: Value[], attrs: Parameters<Builder['op']>[2] = {}, { domain = '' } = {}): Value {
    const name = `${op}_${this.graph.nodes.length}`;
    const given = new Map(Object.entries(attrs ?? {}).map(([key, value]) => [key, toAttr(value)]));
    this.graph.nodes.push({ name, op, domain, inputs, outputs: [`${name}.y`], attrs: given });
    return `${name}.y`;
  }

  constant(tensor: Tensor): Value {
    const name = `constant_${this.graph.initializers.size}`;
    this.graph.initializers.set(name, tensor);
    return name;
  }

  ints = (values: number[]): Value => this.constant(Tensor.of('int64', values));
}

/**
 * A layer: what an operator makes of the values that the weights `layer.q`, `.k` and `.v` give, and of further weights
 * that it learns; a bias is that of all layers.
 */
type Layer = (
  b: Written,
  x: Value,
  project: (x: Value, part: 'q' | 'k' | 'v') => Value,
  learn: (part: string, ...shape: number[]) => Value,
) => Value;

const apart = (b: Written, x: Value, count: number): Value =>
  b.op('Transpose', [b.op('Reshape', [x, b.ints([0, 0, count, size])])], { perm: [0, 2, 1, 3] });
const joined = (b: Written, y: Value): Value =>
  b.op('Reshape', [b.op('Transpose', [y], { perm: [0, 2, 1, 3] }), b.ints([0, 0, heads * size])]);
const tables = (b: Written): Value[] => {
  const angles = Array.from({ length: 8 * (size / 2) }, (_, i) => i / 40);
  return [Math.cos, Math.sin].map((f) => b.constant(Tensor.of('float32', angles.map(f), [8, size / 2])));
};

const ofStandard =
  (attrs: object, mask: Value | readonly number[] = '', change = (_: Written, x: Value) => x): Layer =>
  (b, x, project, learn) => {
    const [q, k, v] = [
      apart(b, project(x, 'q'), heads),
      apart(b, project(x, 'k'), groups),
      apart(b, project(x, 'v'), groups),
    ];
    const added = typeof mask === 'string' ? mask : learn('bias', ...mask);
    return joined(b, b.op('Attention', [change(b, q), change(b, k), v, added], { ...attrs }));
  };
const ofMicrosoft =
  (attrs: object, further: (learn: Parameters<Layer>[3]) => Value[] = () => []): Layer =>
  (b, x, project, learn) => {
    const packed = b.op('Concat', [project(x, 'q'), project(x, 'k'), project(x, 'v')], { axis: 2 });
    const last = b.constant(Tensor.of('int32', [length - 1, length - 3], [batch]));
    const total = b.constant(Tensor.of('int32', [length], []));
    return b.op(
      'GroupQueryAttention',
      [packed, '', '', '', '', last, total, ...tables(b), '', ...further(learn)],
      {
        num_heads: heads,
        kv_num_heads: groups,
        do_rotary: 1,
        ...attrs,
      },
      { domain: 'com.microsoft' },
    );
  };
const turned = (b: Written, x: Value): Value => {
  const positions = b.constant(Tensor.of('int64', [0, 1, 2, 3, 4, 1, 2, 3, 4, 5], [batch, length]));
  return b.op('RotaryEmbedding', [x, ...tables(b), positions]);
};

const rows: [string, Layer][] = [
  ['Attention, causal, of groups', ofStandard({ is_causal: 1 })],
  ['Attention with a mask that hides all from some rows', ofStandard({ scale: float(0.2) }, 'mask')],
  ['Attention behind RotaryEmbedding', ofStandard({ is_causal: 1 }, '', turned)],
  [
    'Attention of operands that come with their heads in front',
    ofStandard({ is_causal: 1 }, '', (b, x) => b.op('Tanh', [x])),
  ],
  ['GroupQueryAttention with rotary positions and padding', ofMicrosoft({})],
  ['GroupQueryAttention with a window', ofMicrosoft({ local_window_size: 2, rotary_interleaved: 1 })],
  ['Attention with a cap', ofStandard({ is_causal: 1, softcap: float(0.9) })],
  ['Attention with a bias that is trained', ofStandard({ is_causal: 1 }, [heads, length, length])],
  ['Attention with a trained bias of each key', ofStandard({}, [1, 1, 1, length])],
  ['GroupQueryAttention with a smooth softmax', ofMicrosoft({ smooth_softmax: 1 })],
  [
    'GroupQueryAttention with a cap, sinks and a bias, all trained',
    ofMicrosoft({ softcap: float(1.1) }, (learn) => [learn('bias', 1, heads, length, length), learn('sink', heads)]),
  ],
];

/** Two layers, x + layer(x). */
function built(layer: Layer): { graph: Graph; weights: Set<Value> } {
  const b = new Written();
  const { graph } = b;
  const width = heads * size;
  graph.inputs = [
    { name: 'x', dtype: 'float32', shape: [batch, length, width] },
    { name: 'mask', dtype: 'bool', shape: [batch, 1, length, length] },
  ];
  const weights = new Set<Value>();
  let x = 'x';
  for (let i = 0; i < 2; i++) {
    const learn = (part: string, ...shape: number[]): Value => {
      const name = part === 'bias' ? part : `${i}.${part}`;
      weights.add(name);
      graph.initializers.set(name, tensor(weights.size, ...shape));
      return name;
    };
    const project = (from: Value, part: 'q' | 'k' | 'v') =>
      b.op('MatMul', [from, learn(part, width, (part === 'q' ? heads : groups) * size)]);
    x = b.op('Add', [x, layer(b, x, project, learn)]);
  }
  graph.outputs = [{ name: x, dtype: 'float32', shape: [batch, length, width] }];
  return {
    graph: specialize(graph, { x: [batch, length, width], mask: [batch, 1, length, length] }, { trainable: weights }),
    weights,
  };
}

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 1 });
});
afterAll(() => device.close());

/** The output, and the gradients of a projection of it. */
async function train(graph: Graph, weights: ReadonlySet<Value>): Promise<number[][]> {
  const b = new Builder(graph);
  const y = graph.outputs[0]!.name;
  const projected = b.op('Mul', [y, b.constant(tensor(99, ...b.shape(y)))]);
  const loss = b.op('ReduceSum', [projected], { keepdims: 0 });
  for (const gradient of backward(b, loss, [...weights]).values()) addOutput(graph, gradient);
  prune(graph);
  lower(graph, device.kernels);
  const feeds = new Map([
    ['x', tensor(50, batch, length, heads * size)],
    [
      'mask',
      Tensor.of(
        'bool',
        Array.from({ length: batch * length * length }, (_, i) => Number(i % 3 > 0 && i > 6)),
        [batch, 1, length, length],
      ),
    ],
  ]);
  const { outputs } = await runOn(device, graph, new Map(graph.inputs.map(({ name }) => [name, feeds.get(name)!])));
  return outputs.map((output) => Array.from(output!));
}

describe.each(rows)('%s', (_, layer) => {
  it('is fused in every layer, with one bias for all, and computes the same', async () => {
    const { graph, weights } = built(layer);
    recognisePatterns(graph);
    const plain = graph.clone();
    expect(fuseAttention(new Builder(graph), weights)).toBe(2);
    prune(graph);
    const fused = graph.nodes.filter(({ op, domain }) => op === 'Attention' && domain === 'ortune');
    expect(new Set(fused.map(({ inputs }) => inputs[3])).size).toBe(1);
    expect(graph.nodes.some(({ op }) => op === 'Softmax')).toBe(false);
    const [expected, found] = [await train(plain, weights), await train(graph, weights)];
    expect(found.length).toBe(1 + weights.size);
    for (const [i, values] of expected.entries()) {
      const largest = Math.max(...values.map(Math.abs));
      for (const [j, v] of values.entries())
        expect(Math.abs(v - found[i]![j]!)).toBeLessThan(2e-6 * Math.max(1, largest) + 1e-5 * largest);
    }
  });
});
