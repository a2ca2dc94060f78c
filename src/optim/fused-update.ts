// The update on the CPU: one fused node over the whole parameter arena, executed as a graph of its own, so its threads are
// the runtime's and runs stay serialised.

import { Builder } from '../onnx/builder.js';
import type { DataType } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { type Arena, sharedTensor } from '../runtime/arena.js';
import type { Device, Session, TensorView } from '../runtime/session.js';
import type { OptimizerOptions, ParameterRange } from './optimizer.js';
import type { Update, UpdateStep } from './update.js';

/** Numbers that the kernel takes for a range: see native/optim. */
const hyperNumbers = 8;

export async function fusedUpdate(
  device: Device,
  { parameters, gradients, state }: { parameters: Arena; gradients: Arena; state: ReadonlyMap<string, Arena> },
  ranges: readonly ParameterRange[],
  options: OptimizerOptions,
): Promise<Update> {
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
    model: updateGraph(options.name, parameters.data.length, [...state.keys()], ranges.length),
    bound: { inputs: bound, outputs: new Map() },
  });
  return new FusedUpdate(session, options, ranges.length);
}

class FusedUpdate implements Update {
  readonly #session: Session;
  readonly #options: OptimizerOptions;
  readonly #hyper: TensorView;
  readonly #clip = sharedTensor('float32', [1]);
  readonly #norm = sharedTensor('float32', [1]);

  constructor(session: Session, options: OptimizerOptions, ranges: number) {
    this.#session = session;
    this.#options = options;
    this.#hyper = sharedTensor('float32', [ranges, hyperNumbers]);
  }

  async run({ rows, maxNorm, corrections }: UpdateStep): Promise<number> {
    const row = this.#options.name === 'adamw' ? adamwRow(this.#options, corrections) : sgdRow(this.#options);
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

  release(): Promise<void> {
    return this.#session.release();
  }
}

const adamwRow =
  (o: OptimizerOptions & { name: 'adamw' }, corrections: UpdateStep['corrections']) =>
  (learningRate: number, weightDecay: number) => [
    learningRate,
    o.beta1,
    o.beta2,
    o.epsilon,
    weightDecay,
    ...corrections,
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
    input('hyper', 'float32', [ranges, hyperNumbers]),
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
