// Derived gradients against given ones, those of PyTorch for example: for the given inputs and projection, by the
// length of the difference. What the file does not give, or in another shape, is not measurable and says so.

import { lower } from '../lower/lower.js';
import type { Graph, Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import { type GradcheckResult, type ParameterCheck, summary } from './gradcheck.js';
import { floatOutputs, forwardGraph, gradientGraph, type Open, runOnce, seedName } from './graphs.js';
import { floats, norm } from './measure.js';

/** Numbers as a file gives them. */
export interface Given {
  shape: readonly number[];
  numbers: Float64Array;
}

export interface AgainstOptions {
  open: Open;
  inputs: ReadonlyMap<Value, Tensor>;
  kernels: ReadonlySet<string>;
  /** Largest |derived − given| relative to |given|, in L2. */
  tolerance: number;
  /** The file, for what is said of it. */
  file: string;
  /** The derivative of the loss by each float output; with none the loss is the sum of all elements. */
  projections: ReadonlyMap<Value, Given>;
  gradients: ReadonlyMap<Value, Given>;
}

/** A gradient that is this part of the whole one in length is held against no less. */
const least = 1e-4;

/** Compares the gradients of `wrt`, values of a static graph. @throws ModelError where `backward` does */
export async function compareGradients(
  graph: Graph,
  wrt: readonly Value[],
  options: AgainstOptions,
): Promise<GradcheckResult> {
  const { open, inputs, kernels, tolerance, file, projections } = options;
  const outputs = floatOutputs(graph);
  const { graph: derived, gradients } = gradientGraph(forwardGraph(graph, outputs, wrt), outputs, wrt);
  lower(derived, kernels);
  const seeds = outputs.map((name, i): [Value, Tensor] => {
    const { dtype, shape } = graph.type(name);
    const size = shape.reduce((n, d) => n * d, 1);
    const numbers = projections.get(name)?.numbers ?? new Float64Array(size).fill(projections.size === 0 ? 1 : 0);
    return [seedName(i), Tensor.of(dtype, numbers, shape)];
  });
  const start = wrt.map((name) => [name, graph.initializers.get(name)!] as const);
  const results = await runOnce(open, derived, new Map([...inputs, ...start, ...seeds]));
  const whole = norm(Float64Array.from([...options.gradients.values()].map(({ numbers }) => norm(numbers))));
  const parameters = start.map(([name, { shape }]): ParameterCheck => {
    const given = options.gradients.get(name);
    if (!given)
      return { name, relativeError: Number.NaN, notMeasurable: `${file} has no tensor of its name, ${quote(name)}` };
    if (`${given.shape}` !== `${shape}`)
      return {
        name,
        relativeError: Number.NaN,
        notMeasurable: `${file} has it in the shape [${given.shape}], the model's file in [${shape}]`,
      };
    const found = floats(results.get(gradients.get(name)!)!);
    const difference = norm(Float64Array.from(given.numbers, (v, i) => v - found[i]!));
    const relativeError = difference === 0 ? 0 : difference / Math.max(norm(given.numbers), least * whole);
    return { name, relativeError };
  });
  return summary(parameters, tolerance);
}
