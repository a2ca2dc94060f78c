// The running averages of BatchNormalization as state of training. A run of the training graph writes those after the
// batch beside the arena; they take their place in it then, so that the next micro-batch goes on from them and sessions
// that evaluate see them. A step that turns out bad gives back those from before it. On a device all three lie in its
// buffers.

import type { StatisticInfo } from '../compile/protocol.js';
import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { cast, less, where } from '../onnx/formulas.js';
import { Graph } from '../onnx/graph.js';
import type { DeviceStepBuffers, StepBuffers } from '../optim/update.js';
import { Arena } from '../runtime/arena.js';
import { copyGraph } from '../runtime/placed.js';
import type { BoundTensor, Device, DeviceTensor, DeviceTensors } from '../runtime/session.js';

/** How averages move between where they are, were and will be. */
interface Moves {
  /** current → before */
  keep(): Promise<void>;
  /** after → current */
  take(): Promise<void>;
  /** before → current */
  undo(): Promise<void>;
}

export class RunningStatistics implements StepBuffers {
  readonly #device: Device;
  readonly #names: readonly string[];
  /** In the parameter arena. */
  readonly #current: Arena;
  readonly #placed: DeviceTensors;
  readonly #after: DeviceTensors;
  readonly #before: DeviceTensors;
  readonly #moves: Moves;

  private constructor(
    device: Device,
    names: readonly string[],
    { current, ...places }: { current: Arena; placed: DeviceTensors; after: DeviceTensors; before: DeviceTensors },
    moves: Moves,
  ) {
    const { placed, after, before } = places;
    this.#device = device;
    this.#before = before;
    this.#names = names;
    this.#current = current;
    this.#placed = placed;
    this.#after = after;
    this.#moves = moves;
  }

  /** `parameters`: the arena that holds them behind the parameters. */
  static async create(
    device: Device,
    statistics: readonly StatisticInfo[],
    parameters: Arena,
  ): Promise<RunningStatistics> {
    const updated = statistics.filter((s) => s.updated);
    const names = updated.map(({ name }) => name);
    const after = Arena.create(Arena.layout(updated));
    const before = after.like();
    const [placed, placedAfter, placedBefore] = [
      await device.place(parameters),
      await device.place(after),
      await device.place(before),
    ];
    const moves =
      device.ownMemory && names.length > 0
        ? await onDevice(device, names, { current: placed, after: placedAfter, before: placedBefore })
        : onHost(names, { current: parameters, after, before });
    const places = { current: parameters, placed, after: placedAfter, before: placedBefore };
    return new RunningStatistics(device, names, places, moves);
  }

  /** Where a run of the training graph writes one. */
  written(name: string): BoundTensor {
    return this.#after.tensor(name);
  }

  /** Before the first micro-batch of a step. */
  begin(): Promise<void> {
    return this.#moves.keep();
  }

  /** After a micro-batch. */
  take(): Promise<void> {
    return this.#moves.take();
  }

  /** As they were at `begin`. */
  undo(): Promise<void> {
    return this.#moves.undo();
  }

  /** The first that is not finite. */
  async firstBad(): Promise<string | undefined> {
    await this.#placed.download();
    return this.#names.find((name) => !this.#current.array(name).every(Number.isFinite));
  }

  async onDevice(good: DeviceTensor): Promise<DeviceStepBuffers | undefined> {
    if (this.#names.length === 0) return undefined;
    const names = this.#names;
    const types = names.map((name) => this.#placed.tensor(name));
    const bind = (stem: string, place: DeviceTensors) => bound(names, stem, place);
    const [finite] = await this.#device.allocate([{ dtype: 'float32', shape: [1] }]);
    const check = await this.#device.createSession({
      model: finiteGraph(types),
      bound: { inputs: bind('x', this.#placed), outputs: new Map([['finite', finite!]]) },
    });
    const settle = await this.#device.createSession({
      model: settleGraph(types),
      bound: {
        inputs: new Map([...bind('current', this.#placed), ...bind('before', this.#before), ['good', good]]),
        outputs: bind('to', this.#placed),
      },
    });
    return { finite: finite!, check: () => check.run(none, none), settle: () => settle.run(none, none) };
  }
}

const none: ReadonlyMap<string, BoundTensor> = new Map();

const bound = (names: readonly string[], stem: string, place: DeviceTensors): Map<string, BoundTensor> =>
  new Map(names.map((name, i) => [`${stem}${i}`, place.tensor(name)]));

type Places<T> = Record<'current' | 'after' | 'before', T>;

function onHost(names: readonly string[], { current, after, before }: Places<Arena>): Moves {
  const copy = (from: Arena, to: Arena) => async () => {
    for (const name of names) to.array(name).set(from.array(name));
  };
  return {
    keep: copy(current, before),
    take: copy(after, current),
    undo: copy(before, current),
  };
}

async function onDevice(device: Device, names: readonly string[], places: Places<DeviceTensors>): Promise<Moves> {
  const { current, after, before } = places;
  const model = copyGraph(names.map((name) => current.tensor(name)));
  const mover = async (from: DeviceTensors, to: DeviceTensors) => {
    const session = await device.createSession({
      model,
      bound: { inputs: bound(names, 'from', from), outputs: bound(names, 'to', to) },
    });
    return () => session.run(none, none);
  };
  return {
    keep: await mover(current, before),
    take: await mover(after, current),
    undo: await mover(before, current),
  };
}

/** to0 = current0 where the step was good, else before0, … */
function settleGraph(tensors: readonly Pick<BoundTensor, 'shape'>[]): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const input = (name: string, shape: readonly number[]): string => b.input(name, 'float32', shape);
  const good = less(b, 0.5, input('good', [1]));
  for (const [i, { shape }] of tensors.entries()) {
    b.output(`to${i}`, where(b, good, input(`current${i}`, shape), input(`before${i}`, shape)));
  }
  return encodeGraph(graph);
}

/** 1 where every element of x0, x1, … is finite, else 0; a comparison with NaN does not hold. */
function finiteGraph(tensors: readonly Pick<BoundTensor, 'shape'>[]): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const least = tensors.map(({ shape }, i) => {
    const finite = cast(b, less(b, b.op('Abs', [b.input(`x${i}`, 'float32', shape)]), 3.4e38), 'float32');
    return b.op('ReduceMin', [finite, b.ints([0])], { keepdims: 1 });
  });
  const all = least.reduce((x, y) => b.op('Mul', [x, y]));
  b.output('finite', all);
  return encodeGraph(graph);
}
