// The optimizer runs where the parameters are: one fused node over the whole parameter arena, executed by the device
// as a graph of its own, so its threads are the runtime's and runs stay serialised. Groups are ranges of the arena.
// Formulas: AdamW as Loshchilov & Hutter 2019 (decoupled decay), SGD with momentum as PyTorch's torch.optim.SGD.

import { Builder } from '../onnx/builder.js';
import type { DataType } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { type Arena, type ArenaEntry, sharedTensor } from '../runtime/arena.js';
import type { Device, Session, TensorView } from '../runtime/session.js';

export interface AdamWOptions {
  name: 'adamw';
  beta1: number;
  beta2: number;
  epsilon: number;
}

export interface SgdOptions {
  name: 'sgd';
  momentum: number;
  nesterov: boolean;
}

export type OptimizerOptions = AdamWOptions | SgdOptions;

/** What is the same for all parameters of a group; `learningRate` is multiplied by the schedule's factor. */
export interface GroupOptions {
  learningRate: number;
  weightDecay: number;
}

/** A run of consecutive arena elements with one set of options. */
export interface ParameterRange extends GroupOptions {
  start: number;
  end: number;
}

/** Merges neighbouring entries of equal options into ranges; padding between entries belongs to the range. */
export function parameterRanges(
  entries: readonly ArenaEntry[],
  optionsOf: (entry: ArenaEntry) => GroupOptions | undefined,
): ParameterRange[] {
  const ranges: ParameterRange[] = [];
  let open: ParameterRange | undefined;
  for (const entry of entries) {
    const options = optionsOf(entry);
    if (!options) {
      open = undefined;
      continue;
    }
    const end = entry.offset + entry.length;
    if (open && open.learningRate === options.learningRate && open.weightDecay === options.weightDecay) {
      open.end = end;
      continue;
    }
    open = { start: entry.offset, end, ...options };
    ranges.push(open);
  }
  return ranges;
}

const stateNames = { adamw: ['m', 'v'], sgd: ['velocity'] } as const;

export class Optimizer {
  readonly options: OptimizerOptions;
  readonly ranges: readonly ParameterRange[];
  /** Arenas of the optimizer's state by name, laid out like the parameters. */
  readonly state: ReadonlyMap<string, Arena>;
  /** Optimizer steps taken; part of a checkpoint. */
  steps = 0;
  readonly #session: Session;
  readonly #hyper: TensorView;
  readonly #clip: TensorView;
  readonly #norm: TensorView;

  private constructor(
    options: OptimizerOptions,
    ranges: readonly ParameterRange[],
    state: ReadonlyMap<string, Arena>,
    session: Session,
  ) {
    this.options = options;
    this.ranges = ranges;
    this.state = state;
    this.#session = session;
    this.#hyper = sharedTensor('float32', [ranges.length, 8]);
    this.#clip = sharedTensor('float32', [1]);
    this.#norm = sharedTensor('float32', [1]);
  }

  static async create(
    device: Device,
    parameters: Arena,
    gradients: Arena,
    ranges: readonly ParameterRange[],
    options: OptimizerOptions,
  ): Promise<Optimizer> {
    const names = stateNames[options.name];
    const state = new Map(names.map((name) => [name, parameters.like()]));
    const rangeTensor = sharedTensor('int64', [ranges.length, 2]);
    ranges.forEach((range, i) => {
      rangeTensor.data[2 * i] = BigInt(range.start);
      rangeTensor.data[2 * i + 1] = BigInt(range.end);
    });
    const bound = new Map<string, TensorView>([
      ['parameters', parameters.whole()],
      ['gradients', gradients.whole()],
      ...[...state].map(([name, arena]) => [name, arena.whole()] as const),
      ['ranges', rangeTensor],
    ]);
    const session = await device.createSession({
      model: updateGraph(options.name, parameters.data.length, names, ranges.length),
      bound: { inputs: bound, outputs: new Map() },
    });
    return new Optimizer(options, ranges, state, session);
  }

  /**
   * One update. `factor` multiplies every group's learning rate; gradients are scaled to `maxGradNorm` when their
   * global norm exceeds it (0: no clipping). Returns the norm before clipping; when it is not finite nothing changed.
   */
  async step(factor: number, maxGradNorm: number): Promise<number> {
    this.steps++;
    const row = this.options.name === 'adamw' ? adamwRow(this.options, this.steps) : sgdRow(this.options);
    this.ranges.forEach((range, i) => {
      this.#hyper.data.set(row(range.learningRate * factor, range.weightDecay) as never, 8 * i);
    });
    this.#clip.data[0] = maxGradNorm;
    await this.#session.run(
      new Map([
        ['hyper', this.#hyper],
        ['clip', this.#clip],
      ]),
      new Map([['norm', this.#norm]]),
    );
    const norm = Number(this.#norm.data[0]);
    if (!Number.isFinite(norm)) this.steps--;
    return norm;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

// The kernel's 1 - beta is that of the float32 beta; a correction of the same beta leaves no error in the update.
const adamwRow = (o: AdamWOptions, t: number) => (learningRate: number, weightDecay: number) => [
  learningRate,
  o.beta1,
  o.beta2,
  o.epsilon,
  weightDecay,
  1 - Math.fround(o.beta1) ** t,
  1 - Math.fround(o.beta2) ** t,
  0,
];

// PyTorch starts the velocity at the first gradient, undamped; ours has no dampening, so a zero start gives the same.
const sgdRow = (o: SgdOptions) => (learningRate: number, weightDecay: number) => [
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
  const input = (value: string, dtype: DataType, shape: number[]) => {
    graph.inputs.push({ name: value, dtype, shape });
    graph.types.set(value, { dtype, shape });
    return value;
  };
  const inputs = [
    input('parameters', 'float32', [length]),
    input('gradients', 'float32', [length]),
    ...states.map((state) => input(state, 'float32', [length])),
    input('ranges', 'int64', [ranges, 2]),
    input('hyper', 'float32', [ranges, 8]),
    input('clip', 'float32', [1]),
  ];
  const b = new Builder(graph);
  b.append({
    name: 'update',
    op: name === 'adamw' ? 'AdamW' : 'Sgd',
    domain: 'ortune',
    inputs,
    outputs: ['norm'],
    attrs: new Map(),
  });
  graph.outputs.push({ name: 'norm', dtype: 'float32', shape: [1] });
  return encodeGraph(graph);
}
