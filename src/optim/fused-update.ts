// The update on the CPU: one fused node over the whole parameter arena, executed as a graph of its own, so its threads are
// the runtime's and runs stay serialised.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { type Arena, sharedTensor } from '../runtime/arena.js';
import type { Device, Session, TensorView } from '../runtime/session.js';
import type { OptimizerOptions, ParameterRange } from './options.js';
import {
  lossEntry,
  type StepBuffers,
  type StepOutcome,
  type Update,
  type UpdateOptions,
  type UpdateStep,
} from './update.js';

/** Numbers that the kernel takes for a range: see native/optim. */
const hyperNumbers = 8;

export async function fusedUpdate(
  device: Device,
  { parameters, gradients, state }: { parameters: Arena; gradients: Arena; state: ReadonlyMap<string, Arena> },
  ranges: readonly ParameterRange[],
  options: OptimizerOptions,
  { beside }: UpdateOptions,
): Promise<Update> {
  const rangeTensor = sharedTensor('int64', [ranges.length, 2]);
  ranges.forEach((range, i) => {
    rangeTensor.data[2 * i] = BigInt(range.start);
    rangeTensor.data[2 * i + 1] = BigInt(range.end);
  });
  const bound = new Map<string, TensorView>([
    ['parameters', parameters.whole()],
    ['gradients', gradients.first(parameters.data.length)],
    ...[...state].map(([name, arena]) => [name, arena.whole()] as const),
    ['ranges', rangeTensor],
  ]);
  const session = await device.createSession({
    model: updateGraph(options.name, parameters.data.length, [...state.keys()], ranges.length),
    bound: { inputs: bound, outputs: new Map() },
  });
  const loss = gradients.has(lossEntry) ? gradients.array(lossEntry) : undefined;
  return new FusedUpdate(session, options, ranges.length, { loss, beside });
}

class FusedUpdate implements Update {
  steps = 0;
  readonly scaling = undefined;
  readonly lossScale = undefined;
  readonly #session: Session;
  readonly #options: OptimizerOptions;
  readonly #loss: Float32Array | undefined;
  readonly #beside: StepBuffers | undefined;
  readonly #hyper: TensorView;
  readonly #clip = sharedTensor('float32', [1]);
  readonly #norm = sharedTensor('float32', [1]);
  #outcomes: StepOutcome[] = [];

  constructor(
    session: Session,
    options: OptimizerOptions,
    ranges: number,
    { loss, beside }: { loss: Float32Array | undefined; beside: StepBuffers | undefined },
  ) {
    this.#session = session;
    this.#options = options;
    this.#loss = loss;
    this.#beside = beside;
    this.#hyper = sharedTensor('float32', [ranges, hyperNumbers]);
  }

  async run(step: UpdateStep): Promise<void> {
    const outcome = await this.#take(step);
    if (outcome.bad === undefined) this.steps++;
    else await this.#beside?.undo();
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
    const row = options.name === 'adamw' ? adamwRow(options, this.steps + 1) : sgdRow(options);
    rows.forEach(({ learningRate, weightDecay }, i) => {
      this.#hyper.data.set(row(learningRate, weightDecay) as never, hyperNumbers * i);
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

  async resume(steps: number): Promise<void> {
    this.steps = steps;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

// The kernel's 1 - beta is that of the float32 beta; a correction of the same beta leaves no error in the update.
const correction = (beta: number, step: number): number => 1 - Math.fround(beta) ** step;

const adamwRow =
  (o: OptimizerOptions & { name: 'adamw' }, step: number) => (learningRate: number, weightDecay: number) => [
    learningRate,
    o.beta1,
    o.beta2,
    o.epsilon,
    weightDecay,
    correction(o.beta1, step),
    correction(o.beta2, step),
    0,
  ];

// PyTorch starts the velocity at the first gradient, undamped; ours has no dampening, so a zero start gives the same.
const sgdRow = (o: OptimizerOptions & { name: 'sgd' }) => (learningRate: number, weightDecay: number) => [
  learningRate,
  o.momentum,
  0,
  o.nesterov ? 1 : 0,
  weightDecay,
  0,
  0,
  0,
];

function updateGraph(name: 'adamw' | 'sgd', length: number, states: readonly string[], ranges: number): Uint8Array {
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
  b.append({
    name: 'update',
    op: name === 'adamw' ? 'AdamW' : 'Sgd',
    domain: 'ortune',
    inputs,
    outputs: ['norm'],
  });
  b.output('norm');
  return encodeGraph(graph);
}
