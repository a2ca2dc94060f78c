// The update on the CPU: one fused node over the whole parameter arena, executed as a graph of its own, so its threads
// are the runtime's and runs stay serialised.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { type Arena, sharedTensor } from '../runtime/arena.js';
import type { Device, Session, TensorView } from '../runtime/session.js';
import type { ParameterRange } from './rules/rule.js';
import { type OptimizerOptions, ruleOf } from './rules.js';
import {
  lossEntry,
  type StepBuffers,
  type StepOutcome,
  type Update,
  type UpdateOptions,
  type UpdateStep,
} from './update.js';

/**
 * Numbers that a kernel reads for a range, the L1 penalty and then the optimizer's: kHyper in native/optim/update.h.
 */
const hyperNumbers = 9;

export async function fusedUpdate(
  device: Device,
  { parameters, gradients, state }: { parameters: Arena; gradients: Arena; state: ReadonlyMap<string, Arena> },
  ranges: readonly ParameterRange[],
  options: OptimizerOptions,
  { beside }: UpdateOptions,
): Promise<Update> {
  const rangeTensor = sharedTensor('int64', [ranges.length, 2]);
  const bound = new Map<string, TensorView>([
    ['parameters', parameters.whole()],
    ['gradients', gradients.first(parameters.data.length)],
    ...[...state].map(([name, arena]) => [name, arena.whole()] as const),
    ['ranges', rangeTensor],
  ]);
  const session = await device.createSession({
    model: updateGraph(ruleOf(options.name).op, parameters.data.length, [...state.keys()], ranges.length),
    bound: { inputs: bound, outputs: new Map() },
  });
  const loss = gradients.has(lossEntry) ? gradients.array(lossEntry) : undefined;
  return new FusedUpdate(session, options, ranges, rangeTensor, { loss, beside });
}

class FusedUpdate implements Update {
  steps = 0;
  readonly scaling = undefined;
  readonly lossScale = undefined;
  readonly #session: Session;
  readonly #options: OptimizerOptions;
  readonly #loss: Float32Array | undefined;
  readonly #beside: StepBuffers | undefined;
  readonly #ranges: readonly ParameterRange[];
  /** Where they begin and end; a frozen one ends where it begins. */
  readonly #places: TensorView;
  readonly #hyper: TensorView;
  /** Moments begin with the first step of a range, and so do their corrections. */
  rangeSteps: number[];
  readonly #clip = sharedTensor('float32', [1]);
  readonly #norm = sharedTensor('float32', [1]);
  #outcomes: StepOutcome[] = [];

  constructor(
    session: Session,
    options: OptimizerOptions,
    ranges: readonly ParameterRange[],
    places: TensorView,
    { loss, beside }: { loss: Float32Array | undefined; beside: StepBuffers | undefined },
  ) {
    this.#session = session;
    this.#options = options;
    this.#loss = loss;
    this.#beside = beside;
    this.#ranges = ranges;
    this.#places = places;
    this.#hyper = sharedTensor('float32', [ranges.length, hyperNumbers]);
    this.rangeSteps = ranges.map(() => 0);
  }

  async run(step: UpdateStep): Promise<void> {
    const outcome = await this.#take(step);
    if (outcome.bad === undefined) {
      this.steps++;
      this.rangeSteps = this.rangeSteps.map((steps, i) => steps + (step.rows[i]!.frozen ? 0 : 1));
    } else await this.#beside?.undo();
    this.#outcomes.push(outcome);
  }

  async #take(step: UpdateStep): Promise<StepOutcome> {
    const loss = this.#loss?.[0] ?? 0;
    if (!Number.isFinite(loss)) return { loss, gradNorm: Number.NaN, bad: `the loss (${loss})` };
    const average = await this.#beside?.firstBad();
    if (average !== undefined) return { loss, gradNorm: Number.NaN, bad: `the running average '${average}'` };
    const gradNorm = await this.#update(step);
    return Number.isFinite(gradNorm) ? { loss, gradNorm } : { loss, gradNorm, bad: `the gradient norm (${gradNorm})` };
  }

  /** The norm; the kernel changes nothing where it is not finite. */
  async #update({ rows, maxNorm }: UpdateStep): Promise<number> {
    const options = this.#options;
    const { numbers } = ruleOf(options.name);
    rows.forEach((group, i) => {
      const { start, end } = this.#ranges[i]!;
      this.#places.data[2 * i] = BigInt(start);
      this.#places.data[2 * i + 1] = BigInt(group.frozen ? start : end);
      const row = [group.l1 ?? 0, ...Object.values(numbers(options, group, this.rangeSteps[i]! + 1))];
      this.#hyper.data.set(row as never, hyperNumbers * i);
    });
    this.#clip.data[0] = maxNorm;
    await this.#session.run(
      new Map([
        ['hyper', this.#hyper],
        ['clip', this.#clip],
      ]),
      new Map([['norm', this.#norm]]),
    );
    return Number(this.#norm.data[0]);
  }

  async outcomes(): Promise<StepOutcome[]> {
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    return outcomes;
  }

  async resume(steps: number, _scaling: unknown, rangeSteps?: readonly number[]): Promise<void> {
    this.steps = steps;
    // A run that goes on with other options may have other ranges; their moments are those of all steps, nearly.
    const known = rangeSteps?.length === this.#ranges.length ? rangeSteps : undefined;
    this.rangeSteps = this.#ranges.map((_, i) => known?.[i] ?? steps);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function updateGraph(op: string, length: number, states: readonly string[], ranges: number): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const inputs = [
    b.input('parameters', 'float32', [length]),
    b.input('gradients', 'float32', [length]),
    ...states.map((state) => b.input(state, 'float32', [length])),
    b.input('ranges', 'int64', [ranges, 2]),
    b.input('hyper', 'float32', [ranges, hyperNumbers]),
    b.input('clip', 'float32', [1]),
  ];
  graph.nodes.push({ name: 'update', op, domain: 'ortune', inputs, outputs: ['norm'], attrs: new Map() });
  graph.types.set('norm', { dtype: 'float32', shape: [1] });
  b.output('norm');
  return encodeGraph(graph);
}
