// The graphs that a check of gradients runs: a model's float outputs with the checked parameters among the inputs, and
// the gradients of a projection of these outputs. A projection has a number for every element of every float output;
// the loss is their product, summed.

import { backward } from '../autodiff/backward.js';
import { ModelError } from '../errors.js';
import { Builder } from '../onnx/builder.js';
import { isFloat } from '../onnx/dtype.js';
import { add, indices, mul, sum } from '../onnx/formulas.js';
import { type Graph, infoOf, prune, type Value } from '../onnx/graph.js';
import type { Tensor } from '../onnx/tensor.js';

/** A graph made ready to run; `run` takes a tensor for every graph input and gives every graph output. */
export interface Runnable {
  run(inputs: ReadonlyMap<Value, Tensor>): Promise<ReadonlyMap<Value, Tensor>>;
  release(): Promise<void>;
}

export type Open = (graph: Graph) => Promise<Runnable>;

export async function runOnce(open: Open, graph: Graph, inputs: ReadonlyMap<Value, Tensor>) {
  const runnable = await open(graph);
  const outputs = await runnable.run(inputs);
  await runnable.release();
  return outputs;
}

/** The names of the outputs that a loss is made of. @throws ModelError without one */
export function floatOutputs(graph: Graph): Value[] {
  const outputs = graph.outputs.map((o) => o.name).filter((name) => isFloat(graph.type(name).dtype));
  if (outputs.length === 0) throw new ModelError('the model has no float output that a gradient could come from');
  return outputs;
}

/** The float outputs alone, with the checked initializers as graph inputs. */
export function forwardGraph(graph: Graph, outputs: readonly Value[], wrt: readonly Value[]): Graph {
  const forward = graph.clone();
  const info = (name: Value) => infoOf(graph, name);
  forward.outputs = outputs.map(info);
  prune(forward);
  const added = wrt.filter((name) => forward.initializers.delete(name) || graph.initializers.has(name));
  forward.inputs.push(...added.map(info));
  return forward;
}

/** The input that takes the projection of the i-th of the float outputs. */
export const seedName = (output: number): Value => `projection.${output}`;

/** The same graph with Σ projection · output as its loss, and the gradients as its outputs. */
export function gradientGraph(forward: Graph, outputs: readonly Value[], wrt: readonly Value[]) {
  const graph = forward.clone();
  const b = new Builder(graph);
  const terms = outputs.map((name, i) => {
    const type = b.type(name);
    const product = mul(b, name, b.input(seedName(i), type.dtype, type.shape));
    return type.shape.length === 0 ? product : sum(b, product, indices(type.shape.length), false);
  });
  const loss = terms.reduce((a, term) => add(b, a, term));
  const gradients = backward(b, loss, wrt);
  graph.outputs = [...gradients.values()].map((name) => infoOf(graph, name));
  prune(graph);
  return { graph, gradients };
}
