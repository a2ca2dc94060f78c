// Derived gradients against central differences: the loss is a fixed random projection of all float outputs, and each
// parameter is moved along a seeded random direction. The runtime is the caller's, so the same check serves rules,
// whole models and kernels. Differences of outputs are taken in float64, and against the step that the rounded
// parameters really made, so that float32 leaves little noise. measure.ts says what a difference is worth.

import { lower } from '../lower/lower.js';
import { checkSessions, weightElements } from '../onnx/budget.js';
import { Graph, type Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { normals } from '../random.js';
import { floatOutputs, forwardGraph, gradientGraph, type Open, seedName } from './graphs.js';
import { type Floats, floats, measure, norm, scaleOf, type Verdict } from './measure.js';
import { holdPieces } from './piecewise.js';

export type { Runnable } from './graphs.js';

type Inputs = ReadonlyMap<Value, Tensor>;

export interface GradcheckOptions {
  open: Open;
  /** A tensor for every graph input. */
  inputs: Inputs;
  /** Other inputs, and other values of parameters, for what cannot be measured at the first. */
  further?: readonly (() => Inputs)[];
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

export interface ParameterCheck extends Verdict {
  name: Value;
}

export interface GradcheckResult {
  tolerance: number;
  /** All parameters that were looked at: what passed, `failed` and `notMeasurable`. */
  checked: number;
  failed: number;
  /** Those that neither passed nor failed; each has its reason among `parameters`. */
  notMeasurable: number;
  /** Of those that passed or failed. */
  worst: { parameter: Value; relativeError: number } | undefined;
  parameters: ParameterCheck[];
}

/** A gradient below this part of the largest one may be lost in the rounding of the outputs. */
const negligible = 1e-3;

/**
 * Checks the gradient of every value of `wrt` (graph inputs or initializers, float32 or float64).
 * @param graph a static graph, left as it is
 * @throws ModelError where `backward` does
 */
export async function gradcheck(
  graph: Graph,
  wrt: readonly Value[],
  options: GradcheckOptions,
): Promise<GradcheckResult> {
  const graphs = graphsOf(graph, wrt, options);
  const sessions = new Sessions(options.open);
  try {
    return await checkWith(graphs, sessions, wrt, options);
  } finally {
    await sessions.release();
  }
}

async function checkWith(
  graphs: Graphs,
  sessions: Sessions,
  wrt: readonly Value[],
  options: GradcheckOptions,
): Promise<GradcheckResult> {
  const verdicts = new Map<Value, Verdict>();
  for (const [attempt, inputs] of [() => options.inputs, ...(options.further ?? [])].entries()) {
    const open = wrt.filter((name) => attempt === 0 || verdicts.get(name)!.notMeasurable !== undefined);
    if (open.length === 0) break;
    // What is undefined at other inputs than the given ones says nothing.
    for (const [name, verdict] of await checkAt(graphs, sessions, open, inputs(), options))
      if (attempt === 0 || !(verdict.notMeasurable || Number.isNaN(verdict.relativeError))) verdicts.set(name, verdict);
  }
  return summary(
    wrt.map((name) => ({ name, ...verdicts.get(name)! })),
    options.tolerance,
  );
}

interface Graphs extends ReturnType<typeof graphsOf> {}

/** What is run: the outputs as they are and on their pieces, which pieces these are, and the gradients. */
function graphsOf(graph: Graph, wrt: readonly Value[], options: GradcheckOptions) {
  const { kernels = new Set(), reference, maxGraphMemory } = options;
  const outputs = floatOutputs(graph);
  const forward = forwardGraph(graph, outputs, wrt);
  const { graph: derived, gradients } = gradientGraph(forward, outputs, wrt);
  const plain = reference ? forwardGraph(reference, outputs, wrt) : forward;
  const { decisions, held } = reference ? holdPieces(plain) : { decisions: new Graph(), held: forward };
  for (const g of new Set([decisions, held, derived, plain])) lower(g, kernels);
  if (maxGraphMemory !== undefined)
    checkSessions(
      {
        once: [decisions, derived],
        often: held,
        seldom: plain,
        parameters: wrt.length,
        weights: weightElements(graph),
      },
      maxGraphMemory,
    );
  const start = new Map(wrt.map((name) => [name, options.inputs.get(name) ?? graph.initializers.get(name)!]));
  const projections = outputs.map((name, i) => random(options.seed ?? 0, i, graph.type(name)));
  return { outputs, plain, decisions, held, derived, gradients, start, projections };
}

/** A session for each graph, opened when it is first run and kept for all inputs. */
class Sessions {
  readonly #open: Open;
  readonly #opened = new Map<Graph, ReturnType<Open>>();

  constructor(open: Open) {
    this.#open = open;
  }

  async run(graph: Graph, inputs: Inputs): Promise<ReadonlyMap<Value, Tensor>> {
    const session = this.#opened.get(graph) ?? this.#open(graph);
    this.#opened.set(graph, session);
    return (await session).run(inputs);
  }

  async release(): Promise<void> {
    for (const opened of await Promise.allSettled(this.#opened.values()))
      if (opened.status === 'fulfilled') await opened.value.release();
  }
}

/** The verdict on each of `names` with these inputs. */
async function checkAt(
  { outputs, plain, decisions, held, derived, gradients, start: given, projections }: Graphs,
  sessions: Sessions,
  names: readonly Value[],
  inputs: Inputs,
  { seed = 0, tolerance }: GradcheckOptions,
): Promise<Map<Value, Verdict>> {
  const start = new Map([...given].map(([name, tensor]) => [name, inputs.get(name) ?? tensor]));
  const fed = new Map([...inputs, ...start]);
  const pieces = decisions.outputs.length > 0 ? await sessions.run(decisions, fed) : [];
  const seeds = projections.map((projection, i) => [seedName(i), projection] as const);
  const results = await sessions.run(derived, new Map([...fed, ...seeds]));
  const gradientOf = (name: Value) => floats(results.get(gradients.get(name)!)!);
  const sizes = new Map([...start].map(([name, tensor]) => [name, norm(gradientOf(name)) * scaleOf(tensor)]));
  const floor = negligible * Math.max(0, ...sizes.values());

  const run = async (of: Graph, name: Value | undefined, moved?: Floats): Promise<Floats[]> => {
    const at = new Map([...fed, ...pieces]);
    if (name !== undefined) at.set(name, Tensor.view(start.get(name)!.dtype, start.get(name)!.shape, moved!));
    const found = await sessions.run(of, at);
    return outputs.map((output) => floats(found.get(output)!));
  };
  const base = await run(held, undefined);
  const streams = new Map([...start.keys()].map((name, i) => [name, outputs.length + i]));
  const verdicts = new Map<Value, Verdict>();
  for (const name of names) {
    const place = {
      at: start.get(name)!,
      gradient: gradientOf(name),
      projections: projections.map(floats),
      held: (moved: Floats) => run(held, name, moved),
      plain: (moved: Floats) => run(plain, name, moved),
      outputs: base,
    };
    const size = sizes.get(name)!;
    verdicts.set(name, await measure(place, { size, floor, seed, stream: streams.get(name)!, tolerance }));
  }
  return verdicts;
}

/** Counts what passed and what did not. */
export function summary(parameters: ParameterCheck[], tolerance: number): GradcheckResult {
  const measured = parameters.filter(({ notMeasurable }) => notMeasurable === undefined);
  const worst = measured.toSorted((a, b) => rank(b.relativeError) - rank(a.relativeError))[0];
  return {
    tolerance,
    checked: parameters.length,
    failed: measured.filter((p) => !(p.relativeError <= tolerance)).length,
    notMeasurable: parameters.length - measured.length,
    worst: worst && { parameter: worst.name, relativeError: worst.relativeError },
    parameters,
  };
}

/** NaN is the worst error of all. */
const rank = (error: number): number => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);

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
