// Attention as one node in every exporter's form: how often it is found, and the same numbers with and without it,
// through the stock runtime (by definition) and on the device (by its kernels).

import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { fuseAttention } from '#ortune/lower/attention.js';
import { lowerLinear } from '#ortune/lower/linear.js';
import { lower } from '#ortune/lower/lower.js';
import { buildEncoder } from '#ortune/models/encoder.js';
import { Builder } from '#ortune/onnx/builder.js';
import { type Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { addLoss } from '#ortune/tasks/losses.js';
import { insertDropout, keyInput } from '#ortune/transfer/dropout.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { addOutput, encoderFeeds } from '../onnx/graphs.js';
import { runOn } from '../runtime/kernels.js';
import { encoders, fixture } from '../support/exported.js';
import { runStock } from '../support/onnxruntime.js';

const [batch, length] = [3, 12];
const dropout = { hidden: 0.1, attention: 0.2, head: 0.1 };

interface CompiledSession {
  source: Graph;
  graph: Graph;
  trained: Set<Value>;
}

/** The static training graph of a model before its linear layers are lowered, with dropout. */
function prepare(model: ReturnType<typeof openModel>, freeze: string[] = [], family = ''): CompiledSession {
  const source = toGraph(model);
  const trained = new Set(chooseParameters(model, source, { freeze }).trainable.map(({ name }) => name));
  const shapes = Object.fromEntries(source.inputs.map(({ name }) => [name, [batch, length]]));
  const graph = specialize(source, shapes, { trainable: trained });
  recognisePatterns(graph);
  insertDropout(new Builder(graph), 'logits', dropout, { family });
  return { source, graph, trained };
}

const fixtureGraph = ([family, exporter]: (typeof encoders)[number], freeze: string[] = []) =>
  prepare(openModel(fixture('encoders', family, exporter)), freeze, family);

function builtGraph(): CompiledSession {
  const size = { layers: 2, hidden: 32, heads: 4, feedForward: 64, vocabulary: 100, positions: 48 };
  const proto = fromBinary(ModelProtoSchema, buildEncoder(size));
  return prepare({ path: 'built', directory: '', proto });
}

const operators = (graph: Graph) => graph.nodes.map(({ op }) => op);

type Run = (graph: Graph, feeds: Map<Value, Tensor>) => Promise<Map<Value, number[]>>;

const byDefinition: Run = async (graph, feeds) => {
  lower(graph, new Set());
  return new Map([...(await runStock(graph, feeds))].map(([name, tensor]) => [name, tensor.numbers()]));
};

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const byKernel: Run = async (graph, feeds) => {
  lower(graph, device.kernels);
  const { outputs } = await runOn(device, graph, feeds);
  return new Map(graph.outputs.map(({ name }, i) => [name, Array.from(outputs[i]!)]));
};

/** Logits, loss and every gradient of the training graph, fused or not. */
async function train(
  { source, graph, trained }: CompiledSession,
  fused: number,
  run: Run,
): Promise<Map<string, number[]>> {
  const copy = graph.clone();
  const b = new Builder(copy);
  if (fused > 0) expect(fuseAttention(b, trained)).toBe(fused);
  lowerLinear(b);
  const { loss } = addLoss(b, 'logits');
  const gradients = backward(b, loss, [...trained]);
  copy.outputs = [];
  for (const name of ['logits', loss, ...gradients.values()]) addOutput(copy, name);
  prune(copy);
  expect(operators(copy).filter((op) => op === 'Attention')).toHaveLength(fused);
  expect(operators(copy).filter((op) => op === 'AttentionGrad')).toHaveLength(fused);
  const feeds = new Map(Object.entries(encoderFeeds(source, batch, length)));
  feeds.set(keyInput, Tensor.of('uint32', [3, 1, 4, 1]));
  feeds.set('labels', Tensor.of('int64', [0, 1, 1]));
  feeds.set('sample_weights', Tensor.of('float32', [1, 1, 1]));
  feeds.set('normaliser', Tensor.scalar('float32', 3));
  return run(copy, feeds);
}

const largest = (values: number[]) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Every value to 1e-5 of its own size; gradients that vanish, to 1e-8 of the largest of all. */
async function expectSame(prepared: CompiledSession, fused: number, run: Run): Promise<void> {
  const [plain, found] = [await train(prepared, 0, run), await train(prepared, fused, run)];
  expect([...found.keys()]).toEqual([...plain.keys()]);
  const size = Math.max(...[...plain.values()].map(largest));
  for (const [name, expected] of plain) {
    const error = largest(found.get(name)!.map((v, i) => v - expected[i]!));
    expect(error, name).toBeLessThanOrEqual(Math.max(1e-5 * largest(expected), 1e-8 * size));
  }
}

describe.each(encoders)('%s by %s', (family, exporter) => {
  it('has one attention per layer, with the bias apart that is trained', () => {
    const { graph, trained } = fixtureGraph([family, exporter]);
    expect(fuseAttention(new Builder(graph), trained)).toBe(2);
    const [, , , , , learned] = graph.nodes.find(({ op }) => op === 'Attention')!.inputs;
    const shape = family === 'mpnet' ? [1, 4, length, length] : undefined;
    expect(learned && graph.shape(learned)).toEqual(shape);
  });

  it.each([
    ['by definition', byDefinition],
    ['on the device', byKernel],
  ])('computes the same logits, loss and gradients with the same masks, %s', async (_, run) => {
    await expectSame(fixtureGraph([family, exporter]), 2, run);
  });
});

describe('an encoder of the builder', () => {
  it('computes the same fused', () => expectSame(builtGraph(), 2, byDefinition));

  it('keeps nothing of the parts: no transposes, no views, no passes over the scores', () => {
    const { graph, trained } = builtGraph();
    const b = new Builder(graph);
    fuseAttention(b, trained);
    lowerLinear(b);
    prune(graph);
    const left = operators(graph);
    for (const op of ['Softmax', 'Transpose', 'MatMul', 'FusedMatMul']) expect(left).not.toContain(op);
    const consumers = graph.consumers();
    const producers = graph.producers();
    for (const node of graph.nodes.filter(({ op }) => op === 'Attention')) {
      expect(node.inputs.slice(0, 3).map((x) => producers.get(producers.get(x)!.inputs[0]!)!.op)).toEqual(
        Array(3).fill('Gemm'),
      );
      const [view] = consumers.get(node.outputs[0]!)!;
      expect(consumers.get(view!.outputs[0]!)!.map(({ op }) => op)).toEqual(['Gemm']);
    }
  });
});
