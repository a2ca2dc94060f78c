// Runs a static graph with a stock onnxruntime-node session: what every definition must mean on any device.

import * as ort from 'onnxruntime-node';
import type { Runnable } from '#ortune/check/gradcheck.js';
import type { TypedArray } from '#ortune/onnx/dtype.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import type { Graph, Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

/** Opens the graph without graph optimisation, on one thread. */
export const openStock = (graph: Graph): Promise<Runnable> => openStockModel(encodeGraph(graph));

/** The same for a ModelProto. */
export async function openStockModel(model: Uint8Array): Promise<Runnable> {
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  return {
    run: async (inputs) => {
      const feeds = Object.fromEntries(session.inputNames.map((name) => [name, toOrt(inputs.get(name)!)]));
      const outputs = await session.run(feeds);
      return new Map(Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)]));
    },
    release: () => session.release(),
  };
}

/** The graph's outputs for these inputs. */
export async function runStock(graph: Graph, inputs: ReadonlyMap<Value, Tensor>): Promise<ReadonlyMap<Value, Tensor>> {
  const runnable = await openStock(graph);
  const outputs = await runnable.run(inputs);
  await runnable.release();
  return outputs;
}

const toOrt = (tensor: Tensor): ort.Tensor =>
  new ort.Tensor(tensor.dtype as 'float32', tensor.data() as Float32Array, tensor.shape);

const fromOrt = (tensor: ort.Tensor): Tensor =>
  Tensor.view(tensor.type as 'float32', [...tensor.dims], tensor.data as TypedArray);
