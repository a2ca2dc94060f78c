// The running averages of BatchNormalization as state of training. A run of the training graph writes those after the batch
// beside the arena; they take their place in it once the batch is known to be good, so that the next micro-batch goes on
// from them and sessions that evaluate see them. A step that turns out bad gives back those from before it. On a device
// all three lie in its buffers.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { cast, less } from '../onnx/formulas.js';
import { Graph } from '../onnx/graph.js';
import { Arena, sharedTensor } from '../runtime/arena.js';
import { copyGraph, type Placed } from '../runtime/placed.js';
import type { BoundTensor, Device, Session } from '../runtime/session.js';
import type { StatisticInfo } from './protocol.js';

/** How averages move between where they are, were and will be. */
interface Moves {
  /** current → before */
  keep(): Promise<void>;
  /** after → current */
  take(): Promise<void>;
  /** before → current */
  undo(): Promise<void>;
  /** Whether every current one is finite. */
  finite(): Promise<boolean>;
}

export class RunningAverages {
  readonly #names: readonly string[];
  /** In the parameter arena. */
  readonly #current: Arena;
  readonly #placed: Placed;
  readonly #after: Placed;
  readonly #moves: Moves;

  private constructor(names: readonly string[], current: Arena, placed: Placed, after: Placed, moves: Moves) {
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
  ): Promise<RunningAverages> {
    const updated = statistics.filter((s) => s.updated);
    const names = updated.map(({ name }) => name);
    const after = Arena.create(Arena.layout(updated));
    const before = after.like();
    const [placed, placedAfter] = [await device.place(parameters), await device.place(after)];
    const moves =
      device.kind === 'cpu' || names.length === 0
        ? onHost(names, { current: parameters, after, before })
        : await onDevice(device, names, { current: placed, after: placedAfter, before: await device.place(before) });
    return new RunningAverages(names, parameters, placed, placedAfter, moves);
  }

  /** Where a run of the training graph writes one. */
  written(name: string): BoundTensor {
    return this.#after.tensor(name);
  }

  /** Before the first micro-batch of a step. */
  begin(): Promise<void> {
    return this.#moves.keep();
  }

  /** After a micro-batch whose loss is finite. */
  take(): Promise<void> {
    return this.#moves.take();
  }

  /** As they were at `begin`. */
  undo(): Promise<void> {
    return this.#moves.undo();
  }

  /** The first that is not finite. */
  async firstBad(): Promise<string | undefined> {
    if (await this.#moves.finite()) return undefined;
    await this.#placed.download();
    return this.#names.find((name) => !this.#current.array(name).every(Number.isFinite));
  }
}

type Places<T> = Record<'current' | 'after' | 'before', T>;

function onHost(names: readonly string[], { current, after, before }: Places<Arena>): Moves {
  const copy = (from: Arena, to: Arena) => async () => {
    for (const name of names) to.array(name).set(from.array(name));
  };
  return {
    keep: copy(current, before),
    take: copy(after, current),
    undo: copy(before, current),
    finite: async () => names.every((name) => current.array(name).every(Number.isFinite)),
  };
}

async function onDevice(device: Device, names: readonly string[], places: Places<Placed>): Promise<Moves> {
  const { current, after, before } = places;
  const none: ReadonlyMap<string, BoundTensor> = new Map();
  const bind = (stem: string, place: Placed) => new Map(names.map((name, i) => [`${stem}${i}`, place.tensor(name)]));
  const types = names.map((name) => current.tensor(name));
  const model = copyGraph(types);
  const mover = async (from: Placed, to: Placed) => {
    const session = await device.createSession({
      model,
      bound: { inputs: bind('from', from), outputs: bind('to', to) },
    });
    return () => session.run(none, none);
  };
  const check: Session = await device.createSession({
    model: finiteGraph(types),
    bound: { inputs: bind('x', current), outputs: new Map() },
  });
  const answer = sharedTensor('float32', [1]);
  return {
    keep: await mover(current, before),
    take: await mover(after, current),
    undo: await mover(before, current),
    async finite() {
      await check.run(none, new Map([['finite', answer]]));
      return answer.data[0] === 1;
    },
  };
}

/** 1 where every element of x0, x1, … is finite, else 0; a comparison with NaN does not hold. */
function finiteGraph(tensors: readonly Pick<BoundTensor, 'shape'>[]): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const least = tensors.map(({ shape }, i) => {
    graph.inputs.push({ name: `x${i}`, dtype: 'float32', shape: [...shape] });
    graph.types.set(`x${i}`, { dtype: 'float32', shape });
    const finite = cast(b, less(b, b.op('Abs', [`x${i}`]), 3.4e38), 'float32');
    return b.op('ReduceMin', [finite, b.ints([0])], { keepdims: 1 });
  });
  const all = least.reduce((x, y) => b.op('Mul', [x, y]));
  b.append({ name: 'finite', op: 'Identity', domain: '', inputs: [all], outputs: ['finite'], attrs: new Map() });
  graph.outputs.push({ name: 'finite', dtype: 'float32', shape: [1] });
  return encodeGraph(graph);
}
