// Recomputation of activations: the gradients of the graph that keeps them all, from a graph in which backward reads
// copies of the layers; and where a graph has no place to be cut.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { fuse } from '#ortune/lower/fuse.js';
import { lower } from '#ortune/lower/lower.js';
import { recomputeLayers } from '#ortune/lower/recompute.js';
import { scheduleGradientsEarly } from '#ortune/lower/schedule-gradients.js';
import { Builder } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { div, rows, transpose, view } from '#ortune/onnx/formulas.js';
import { Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type TensorView } from '#ortune/runtime/session.js';
import { openVision, readVisionGolden } from '../vision-golden.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

/** x + dropout(tanh(x·w)·v), so many times, and the mean of the squares. */
function residual(layers: number): { graph: Graph; loss: Value; trained: string[] } {
  const graph = new Graph();
  const input = (name: string, dtype: 'float32' | 'uint32', shape: number[]) => {
    graph.inputs.push({ name, dtype, shape });
    graph.types.set(name, { dtype, shape });
  };
  input('x', 'float32', [16, 12]);
  input('dropout_key', 'uint32', [4]);
  const b = new Builder(graph);
  const trained: string[] = [];
  const weight = (name: string, stream: number, shape: number[]): string => {
    graph.initializers.set(name, Tensor.of('float32', normals(3, stream, elementCount(shape), 0.3), shape));
    graph.types.set(name, { dtype: 'float32', shape });
    trained.push(name);
    return name;
  };
  let x: Value = 'x';
  for (let i = 0; i < layers; i++) {
    const h = b.op('Tanh', [b.op('MatMul', [x, weight(`w${i}`, 2 * i, [12, 24])])]);
    const y = b.op('MatMul', [h, weight(`v${i}`, 2 * i + 1, [24, 12])]);
    const dropped = b.op(
      'Dropout',
      [y, 'dropout_key'],
      { ratio: { kind: 'float', value: 0.25 }, id: i },
      { domain: 'ortune' },
    );
    x = b.op('Add', [x, dropped]);
  }
  const loss = b.op('ReduceMean', [b.op('Mul', [x, x]), b.ints([0, 1])], { keepdims: 0 });
  return { graph, loss, trained };
}

/** The image network of a fixture with the mean cross-entropy, as training has it. */
function network(name: string): { graph: Graph; loss: Value; trained: readonly string[]; feeds: Map<Value, Tensor> } {
  const golden = readVisionGolden(name);
  const { graph, trained } = openVision(golden, new Set());
  const b = new Builder(graph);
  const logits = graph.outputs[0]!.name;
  const shape = b.shape(logits);
  const perRow = shape.length === 2 ? logits : rows(b, transpose(b, logits, [0, 2, 3, 1]));
  const labels = b.constant(Tensor.of('int64', golden.labels));
  const sum = b.op('CrossEntropy', [perRow, labels], {}, { domain: 'ortune' });
  const loss = view(b, div(b, sum, golden.labels.length), []);
  fuse(b, { trained: new Set(trained), kernels: device.kernels, gradients: true });
  return { graph, loss, trained, feeds: new Map([[golden.images.name, golden.images.tensor]]) };
}

interface Made {
  /** How many layers are computed again. */
  layers: number;
  graph: Graph;
  run(feeds: ReadonlyMap<Value, Tensor>): Promise<Map<string, number[]>>;
}

async function differentiate(
  { graph, loss, trained }: { graph: Graph; loss: Value; trained: readonly string[] },
  recompute: boolean,
): Promise<Made> {
  const b = new Builder(graph);
  const forward = [...graph.nodes];
  const gradients = backward(b, loss, trained);
  graph.outputs = [loss, ...gradients.values()].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  prune(graph);
  const layers = recompute ? recomputeLayers(b, { forward, parameters: new Set(trained) }) : 0;
  lower(graph, device.kernels);
  scheduleGradientsEarly(graph);
  const run = async (feeds: ReadonlyMap<Value, Tensor>) => {
    const session = await device.createSession({ model: encodeGraph(graph) });
    const shared = ([name, tensor]: [Value, Tensor]): [Value, TensorView] => {
      const memory = sharedTensor(tensor.dtype, tensor.shape);
      memory.data.set(tensor.data() as never);
      return [name, memory];
    };
    const outputs = new Map(graph.outputs.map(({ name, dtype }) => [name, sharedTensor(dtype, graph.shape(name))]));
    await session.run(new Map([...feeds].map(shared)), outputs);
    await session.release();
    const numbers = (value: Value): number[] => Array.from(outputs.get(value)!.data, Number);
    return new Map([
      ['loss', numbers(loss)],
      ...[...gradients].map(([name, value]) => [name, numbers(value)] as const),
    ]);
  };
  return { layers, graph, run };
}

const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

function expectEqual(found: Map<string, number[]>, expected: Map<string, number[]>): void {
  const all = norm([...expected.values()].map(norm));
  for (const [name, values] of expected) {
    const error = norm(values.map((v, i) => v - found.get(name)![i]!));
    expect(error / Math.max(norm(values), 1e-4 * all), name).toBeLessThan(1e-6);
  }
}

describe('layers that are computed again', () => {
  it('give the same gradients, with the same elements dropped', async () => {
    const feeds = new Map([
      ['x', Tensor.of('float32', normals(5, 0, 16 * 12), [16, 12])],
      ['dropout_key', Tensor.of('uint32', [1, 2, 3, 0])],
    ]);
    const [kept, again] = [await differentiate(residual(8), false), await differentiate(residual(8), true)];
    expect(again.layers).toBeGreaterThan(2);
    expect(again.graph.nodes.filter(({ op }) => op === 'Tanh').length).toBeGreaterThan(8);
    expectEqual(await again.run(feeds), await kept.run(feeds));
  });

  it.each(['convnext-opset17', 'efficientnet-dynamo', 'vit-timm-opset17', 'mobilenet-v3-opset9', 'swin-timm-dynamo'])(
    'of %s do, too',
    async (name) => {
      const { feeds } = network(name);
      const [kept, again] = [await differentiate(network(name), false), await differentiate(network(name), true)];
      expect(again.layers).toBeGreaterThan(0);
      expect(again.graph.nodes.length).toBeGreaterThan(kept.graph.nodes.length);
      expectEqual(await again.run(feeds), await kept.run(feeds));
    },
  );

  it('are none where no single value carries everything on', async () => {
    const once = residual(1);
    const nodes = (await differentiate(residual(1), false)).graph.nodes.length;
    const again = await differentiate(once, true);
    expect(again.layers).toBe(0);
    expect(again.graph.nodes).toHaveLength(nodes);
  });
});

describe('the last nodes of a training graph', () => {
  it('are those that nobody reads, the first that can be computed last', async () => {
    const { graph } = await differentiate(residual(3), false);
    const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
    const leaves = graph.nodes.map(({ outputs }) => outputs.every((out) => !read.has(out)));
    const first = leaves.indexOf(true);
    expect(leaves.slice(first).every(Boolean)).toBe(true);
    const names = graph.nodes.slice(first).flatMap(({ outputs }) => outputs);
    expect(names.indexOf('grad.w0')).toBeLessThan(names.indexOf('grad.v2'));
  });
});
