// Derived gradients against central differences: the loss is a fixed random projection of all float outputs, and each
// parameter is moved along a seeded random direction. The runtime is the caller's, so the same check serves rules,
// whole models and kernels. Differences of outputs are taken in float64, and against the step that the rounded
// parameters really made, so that float32 leaves little noise.

import { backward } from '../autodiff/backward.js';
import { ModelError } from '../errors.js';
import { lower } from '../lower/lower.js';
import { checkSessions, weightElements } from '../onnx/budget.js';
import { Builder } from '../onnx/builder.js';
import { isFloat } from '../onnx/dtype.js';
import { add, indices, mul, sum } from '../onnx/formulas.js';
import { Graph, infoOf, prune, type Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { normals } from '../random.js';
import { holdPieces } from './piecewise.js';

/** A graph made ready to run; `run` takes a tensor for every graph input and gives every graph output. */
export interface Runnable {
  run(inputs: ReadonlyMap<Value, Tensor>): Promise<ReadonlyMap<Value, Tensor>>;
  release(): Promise<void>;
}

export interface GradcheckOptions {
  open: (graph: Graph) => Promise<Runnable>;
  /** A tensor for every graph input. */
  inputs: ReadonlyMap<Value, Tensor>;
  /** Largest relative error that passes. */
  tolerance: number;
  /** Default 0. */
  seed?: number;
  /** What the device has; default none, so that fused operators run by their definitions. */
  kernels?: ReadonlySet<string>;
  /** Bytes that a graph may take (onnx/budget.ts); default any. */
  maxGraphMemory?: number;
  /**
   * The graph before operators were fused: differences are taken of it, with every ReLU, maximum, … held to its piece
   * (pieces.ts). Default: differences are taken of the graph itself, as it is.
   */
  reference?: Graph;
}

export interface ParameterCheck {
  name: Value;
  relativeError: number;
}

export interface GradcheckResult {
  tolerance: number;
  checked: number;
  failed: number;
  worst: { parameter: Value; relativeError: number } | undefined;
  parameters: ParameterCheck[];
}

/**
 * Steps tried, relative to the parameter's root mean square. The smallest error counts: a kink within the step spoils
 * large steps and rounding spoils small ones, but a wrong gradient is wrong at every step. In float32 the small
 * gradients of a whole model's attention (a key bias has none) drown in the rounding of its outputs below the large
 * steps.
 */
const steps = { float64: [1e-4, 1e-5], float32: [1e-2, 3e-2, 3e-3, 1e-1, 1e-3, 3e-1, 3e-4] };

/** A gradient below this part of the largest one is lost in the rounding of the outputs. */
const negligible = 1e-3;

/**
 * Checks the gradient of every value of `wrt` (graph inputs or initializers, float32 or float64).
 * The relative error of one is |numeric − derived| over the largest of both and of the size such a derivative has on
 * average, |gradient| · root mean square of the parameter.
 * @param graph a static graph, left as it is
 * @throws ModelError where `backward` does
 */
export async function gradcheck(
  graph: Graph,
  wrt: readonly Value[],
  options: GradcheckOptions,
): Promise<GradcheckResult> {
  const { seed = 0, kernels = new Set(), tolerance } = options;
  const outputs = graph.outputs.map((o) => o.name).filter((name) => isFloat(graph.type(name).dtype));
  if (outputs.length === 0) throw new ModelError('the model has no float output that a gradient could come from');
  const start = new Map(wrt.map((name) => [name, options.inputs.get(name) ?? graph.initializers.get(name)!]));
  const projections = outputs.map((name, i) => random(seed, i, graph.type(name)));
  const forward = forwardGraph(graph, outputs, wrt);
  const { graph: derived, gradients } = gradientGraph(forward, outputs, wrt);
  const { decisions, held } = options.reference
    ? holdPieces(forwardGraph(options.reference, outputs, wrt))
    : { decisions: new Graph(), held: forward };
  for (const g of [decisions, held, derived]) lower(g, kernels);
  const limit = options.maxGraphMemory;
  if (limit !== undefined)
    checkSessions(
      { once: [decisions, derived], often: held, parameters: wrt.length, weights: weightElements(graph) },
      limit,
    );

  const inputs = new Map([...options.inputs, ...start]);
  const pieces = decisions.outputs.length > 0 ? await runOnce(options.open, decisions, inputs) : [];
  const seeds = outputs.map((_, i) => [seedName(i), projections[i]!] as const);
  const results = await runOnce(options.open, derived, new Map([...inputs, ...seeds]));
  const of = (name: Value) => floats(results.get(gradients.get(name)!)!);
  const sizes = wrt.map((name) => norm(of(name)) * scaleOf(start.get(name)!));
  const floor = negligible * Math.max(0, ...sizes);

  const runnable = await options.open(held);
  const parameters: ParameterCheck[] = [];
  for (const [i, name] of wrt.entries()) {
    const project = async (moved: Floats): Promise<Floats[]> => {
      const { dtype, shape } = start.get(name)!;
      const found = await runnable.run(new Map([...inputs, ...pieces, [name, Tensor.view(dtype, shape, moved)]]));
      return outputs.map((o) => floats(found.get(o)!));
    };
    const error = await smallestError(start.get(name)!, of(name), project, projections, Math.max(sizes[i]!, floor), {
      stream: outputs.length + i,
      seed,
      tolerance,
    });
    parameters.push({ name, relativeError: error });
  }
  await runnable.release();
  return summary(parameters, tolerance);
}

async function runOnce(open: GradcheckOptions['open'], graph: Graph, inputs: ReadonlyMap<Value, Tensor>) {
  const runnable = await open(graph);
  const outputs = await runnable.run(inputs);
  await runnable.release();
  return outputs;
}

function summary(parameters: ParameterCheck[], tolerance: number): GradcheckResult {
  const worst = parameters.toSorted((a, b) => rank(b.relativeError) - rank(a.relativeError))[0];
  return {
    tolerance,
    checked: parameters.length,
    failed: parameters.filter((p) => !(p.relativeError <= tolerance)).length,
    worst: worst && { parameter: worst.name, relativeError: worst.relativeError },
    parameters,
  };
}

/** NaN is the worst error of all. */
const rank = (error: number): number => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);

type Floats = Float32Array | Float64Array;

const floats = (tensor: Tensor): Floats => tensor.data() as Floats;

/** Tries the steps in turn and stops at the first that passes. `project` gives the outputs at a moved parameter. */
async function smallestError(
  at: Tensor,
  gradient: Floats,
  project: (moved: Floats) => Promise<Floats[]>,
  projections: readonly Tensor[],
  size: number,
  { seed, stream, tolerance }: { seed: number; stream: number; tolerance: number },
): Promise<number> {
  const base = floats(at);
  const direction = directionFor(floats(random(seed, stream, at)), gradient);
  const scale = scaleOf(at);
  let smallest = Number.NaN;
  for (const step of steps[at.dtype as keyof typeof steps]) {
    const [up, down] = [1, -1].map((sign) => base.map((v, i) => v + sign * step * scale * direction[i]!)) as [
      Floats,
      Floats,
    ];
    const [high, low] = [await project(up), await project(down)];
    const numeric = projections.reduce((total, p, i) => total + change(floats(p), high[i]!, low[i]!), 0) / (2 * step);
    const derived = change(gradient, up, down) / (2 * step);
    const error = Math.abs(numeric - derived) / Math.max(Math.abs(numeric), Math.abs(derived), size);
    smallest = numeric === derived ? 0 : Number.isNaN(smallest) ? error : Math.min(smallest, error);
    if (smallest <= tolerance) break;
  }
  return smallest;
}

/**
 * A random direction whose component along the gradient is made at least as long as it is on average (1), so that no
 * unlucky draw hides a wrong scale.
 */
function directionFor(random: Floats, gradient: Floats): Floats {
  const length = norm(gradient);
  if (!(length > 0)) return random;
  const along = dot(random, gradient) / length;
  const missing = Math.abs(along) < 1 ? (along < 0 ? -1 : 1) - along : 0;
  return random.map((v, i) => v + (missing * gradient[i]!) / length);
}

/** Σ weight · (high − low), in float64. */
function change(weights: Floats, high: Floats, low: Floats): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i]! * (high[i]! - low[i]!);
  return total;
}

function dot(a: Floats, b: Floats): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

const norm = (values: Floats): number => Math.sqrt(dot(values, values));

/** The root mean square of the elements; 0.1 where all are 0 (biases before training). */
const scaleOf = (tensor: Tensor): number => norm(floats(tensor)) / Math.sqrt(Math.max(1, tensor.size)) || 0.1;

const random = (seed: number, stream: number, { dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>): Tensor =>
  Tensor.of(
    dtype,
    normals(
      seed,
      stream,
      shape.reduce((n, d) => n * d, 1),
    ),
    shape,
  );

/** The float outputs alone, with the checked initializers as graph inputs. */
function forwardGraph(graph: Graph, outputs: readonly Value[], wrt: readonly Value[]): Graph {
  const forward = graph.clone();
  const info = (name: Value) => infoOf(graph, name);
  forward.outputs = outputs.map(info);
  prune(forward);
  const added = wrt.filter((name) => forward.initializers.delete(name) || graph.initializers.has(name));
  forward.inputs.push(...added.map(info));
  return forward;
}

const seedName = (output: number): Value => `projection.${output}`;

/** The same graph with Σ projection · output as its loss, and the gradients as its outputs. */
function gradientGraph(forward: Graph, outputs: readonly Value[], wrt: readonly Value[]) {
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
