// The update on a device of its own, as a graph of standard operators over a buffer for each tensor: the global norm, clipping
// to it, AdamW or SGD, and the new values in the place of the old. A step whose norm is not finite changes nothing. What
// differs from step to step comes as numbers, one for each range. The formulas, and their order, are those of native/optim.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { add, div, indices, less, mul, sqrt, sub, sum, view, where } from '../onnx/formulas.js';
import { Graph, type Value } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';
import { type Arena, type ArenaEntry, sharedTensor } from '../runtime/arena.js';
import type { BoundTensor, Device, Session, TensorView } from '../runtime/session.js';
import type { OptimizerOptions, ParameterRange } from './optimizer.js';
import type { Update, UpdateStep } from './update.js';

/** A tensor that the update changes, and which range's options are its. */
interface Updated {
  entry: ArenaEntry;
  range: number;
}

/** Above every finite gradient norm that is of use: a larger one counts as not finite. */
const largest = 3.4e38;

export async function deviceUpdate(
  device: Device,
  { parameters, gradients, state }: { parameters: Arena; gradients: Arena; state: ReadonlyMap<string, Arena> },
  ranges: readonly ParameterRange[],
  options: OptimizerOptions,
): Promise<Update> {
  const updated = parameters.entries.flatMap((entry): Updated[] => {
    const range = ranges.findIndex(({ start, end }) => entry.offset >= start && entry.offset < end);
    return range < 0 || entry.length === 0 ? [] : [{ entry, range }];
  });
  const names = updated.map(({ entry }) => entry.name);
  const placed = {
    p: await device.place(parameters),
    g: await device.place(gradients, names),
    ...Object.fromEntries(
      await Promise.all([...state].map(async ([part, arena]) => [part, await device.place(arena, names)] as const)),
    ),
  };
  const inputs = new Map<string, BoundTensor>();
  const outputs = new Map<string, BoundTensor>();
  for (const [i, { entry }] of updated.entries())
    for (const [part, where] of Object.entries(placed)) {
      inputs.set(`${part}${i}`, where.tensor(entry.name));
      if (part !== 'g') outputs.set(`${part}${i}/new`, where.tensor(entry.name));
    }
  const model = updateGraph(options, updated, ranges.length);
  const session = await device.createSession({ model, bound: { inputs, outputs } });
  return new DeviceUpdate(session, ranges.length);
}

/** Names of the numbers that are told at every step. */
const numbersOf = (ranges: number): string[] => [
  ...indices(ranges).flatMap((r) => [`rate${r}`, `decay${r}`]),
  'maxNorm',
  'correctMean',
  'correctSquare',
];

class DeviceUpdate implements Update {
  readonly #session: Session;
  readonly #numbers: ReadonlyMap<string, TensorView>;
  readonly #norm = sharedTensor('float32', []);

  constructor(session: Session, ranges: number) {
    this.#session = session;
    this.#numbers = new Map(numbersOf(ranges).map((name) => [name, sharedTensor('float32', [])]));
  }

  async run({ rows, maxNorm, corrections }: UpdateStep): Promise<number> {
    const set = (name: string, value: number): void => {
      this.#numbers.get(name)!.data[0] = value;
    };
    for (const [r, { learningRate, weightDecay }] of rows.entries()) {
      set(`rate${r}`, learningRate);
      set(`decay${r}`, weightDecay);
    }
    set('maxNorm', maxNorm);
    set('correctMean', corrections[0]);
    set('correctSquare', corrections[1]);
    await this.#session.run(this.#numbers, new Map([['norm', this.#norm]]));
    return Number(this.#norm.data[0]);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function updateGraph(options: OptimizerOptions, updated: readonly Updated[], ranges: number): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const input = (name: string, shape: readonly number[]): Value => {
    graph.inputs.push({ name, dtype: 'float32', shape: [...shape] });
    graph.types.set(name, { dtype: 'float32', shape });
    return name;
  };
  for (const name of numbersOf(ranges)) input(name, []);
  const states = options.name === 'adamw' ? ['m', 'v'] : ['velocity'];
  for (const [i, { entry }] of updated.entries())
    for (const part of ['p', 'g', ...states]) input(`${part}${i}`, entry.shape);
  const norm = sqrt(
    b,
    updated.map((_, i) => squares(b, `g${i}`)).reduce((x, y) => add(b, x, y)),
  );
  const finite = less(b, norm, largest);
  const ratio = div(b, 'maxNorm', add(b, norm, 1e-6));
  const clips = b.op('And', [less(b, 0, 'maxNorm'), less(b, ratio, 1)]);
  const clip = where(b, clips, ratio, 1);
  const step = options.name === 'adamw' ? adamw(b, options) : sgd(b, options);
  for (const [i, { range }] of updated.entries()) {
    const values = step(i, range, mul(b, `g${i}`, clip));
    for (const [part, value] of Object.entries(values)) store(b, `${part}${i}`, where(b, finite, value, `${part}${i}`));
  }
  b.append({ name: 'norm', op: 'Identity', domain: '', inputs: [norm], outputs: ['norm'], attrs: new Map() });
  graph.outputs.push({ name: 'norm', dtype: 'float32', shape: [] });
  return encodeGraph(graph);
}

/** Σ x², a scalar; row after row first, so that no thread of the device adds up a whole matrix. */
function squares(b: Builder, x: Value): Value {
  const shape = b.shape(x);
  const rows = view(b, x, [elementCount(shape.slice(0, -1)), shape.at(-1) ?? 1]);
  return sum(b, b.op('ReduceSumSquare', [rows, b.ints([1])], { keepdims: 0 }), [0], false);
}

/** The new values of what a tensor has, by part, from its clipped gradient. */
type Step = (index: number, range: number, gradient: Value) => Record<string, Value>;

function adamw(b: Builder, { beta1, beta2, epsilon }: OptimizerOptions & { name: 'adamw' }): Step {
  const correctSquare = b.op('Reciprocal', [sqrt(b, 'correctSquare')]);
  const moved = (old: Value, fresh: Value, beta: number): Value => {
    const kept = Math.fround(beta);
    return add(b, mul(b, old, kept), mul(b, fresh, 1 - kept));
  };
  return (i, range, g) => {
    const m = moved(`m${i}`, g, beta1);
    const v = moved(`v${i}`, mul(b, g, g), beta2);
    const change = div(b, m, add(b, mul(b, sqrt(b, v), correctSquare), epsilon));
    const kept = sub(b, 1, mul(b, `rate${range}`, `decay${range}`));
    const p = sub(b, mul(b, `p${i}`, kept), mul(b, change, div(b, `rate${range}`, 'correctMean')));
    return { p, m, v };
  };
}

function sgd(b: Builder, { momentum, nesterov }: OptimizerOptions & { name: 'sgd' }): Step {
  return (i, range, clipped) => {
    const g = add(b, clipped, mul(b, `p${i}`, `decay${range}`));
    const velocity = add(b, mul(b, `velocity${i}`, momentum), g);
    const change = nesterov ? add(b, g, mul(b, velocity, momentum)) : velocity;
    return { p: sub(b, `p${i}`, mul(b, change, `rate${range}`)), velocity };
  };
}

/**
 * The output `name`/new, which is bound to the buffer of `name`: a copy, since an operator may not write what it reads.
 * Whoever else reads `name` must come before: here the value is made from it, and nothing else reads it.
 */
function store(b: Builder, name: Value, value: Value): void {
  b.append({
    name: `${name}/store`,
    op: 'Identity',
    domain: '',
    inputs: [value],
    outputs: [`${name}/new`],
    attrs: new Map(),
  });
  b.graph.outputs.push({ name: `${name}/new`, dtype: 'float32', shape: [...b.shape(name)] });
}
