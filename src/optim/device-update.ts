// The update on a device of its own: the graph of update-graph.ts bound to the buffers that it changes. A step is
// enqueued and not waited for; its outcome is written into a history on the device, which `outcomes` reads.

import { DeviceError } from '../errors.js';
import { Arena, sharedTensor } from '../runtime/arena.js';
import { copyGraph } from '../runtime/placed.js';
import type { BoundTensor, Device, DeviceTensors, Session, TensorView } from '../runtime/session.js';
import { newScaling, type Scaling } from './loss-scale.js';
import type { ParameterRange } from './rules/rule.js';
import { type OptimizerOptions, ruleOf } from './rules.js';
import {
  type DeviceStepBuffers,
  lossEntry,
  type StepOutcome,
  type Update,
  type UpdateOptions,
  type UpdateStep,
} from './update.js';
import { countersOf, historyColumns, numbersOf, type Updated, updateGraph } from './update-graph.js';

const none: ReadonlyMap<string, BoundTensor> = new Map();

export async function deviceUpdate(
  device: Device,
  { parameters, gradients, state }: { parameters: Arena; gradients: Arena; state: ReadonlyMap<string, Arena> },
  ranges: readonly ParameterRange[],
  optimizer: OptimizerOptions,
  { beside, scaled = false, outcomes: rows = 1 }: UpdateOptions,
): Promise<Update> {
  const updated = parameters.entries.flatMap(({ name, shape, offset, length }): Updated[] => {
    const range = ranges.findIndex(({ start, end }) => offset >= start && offset < end);
    return range < 0 || length === 0 ? [] : [{ name, shape, range }];
  });
  const names = updated.map(({ name }) => name);
  const loss = gradients.has(lossEntry);
  const [p, g] = [await device.place(parameters), await device.place(gradients, loss ? [...names, lossEntry] : names)];
  const inputs = new Map<string, BoundTensor>();
  const outputs = new Map<string, BoundTensor>();
  const change = (name: string, tensor: BoundTensor): void => {
    inputs.set(name, tensor);
    outputs.set(`${name}/new`, tensor);
  };
  const parts: [string, DeviceTensors][] = [['p', p]];
  for (const [part, arena] of state) parts.push([part, await device.place(arena, names)]);
  for (const [i, { name }] of updated.entries()) {
    for (const [part, placed] of parts) change(`${part}${i}`, placed.tensor(name));
    inputs.set(`g${i}`, g.tensor(name));
  }
  if (loss) inputs.set('loss', g.tensor(lossEntry));
  const counts = Arena.create(Arena.layout(countersOf(optimizer, scaled).map((name) => ({ name, shape: [] }))));
  const setCounts = (steps: number, { scale, goodSteps }: Scaling): void => {
    const values: Record<string, number> = { ...ruleOf(optimizer.name).counters(optimizer, steps), scale, goodSteps };
    for (const { name } of counts.entries) counts.array(name)[0] = values[name]!;
  };
  setCounts(0, newScaling());
  const placedCounts = await device.place(counts);
  for (const { name } of counts.entries) change(name, placedCounts.tensor(name));
  const history = { dtype: 'float32', shape: [rows, historyColumns.length] } as const;
  const [placedHistory, good] = await device.allocate([history, { dtype: 'float32', shape: [1] }]);
  change('history', placedHistory!);
  outputs.set('good', good!);
  const undo = await beside?.onDevice(good!);
  if (undo) inputs.set('besideFinite', undo.finite);
  const l1 = ranges.some((range) => range.l1);
  const model = updateGraph({
    optimizer,
    updated,
    ranges: ranges.length,
    l1,
    loss,
    beside: undo !== undefined,
    scaled,
    rows,
  });
  const session = await device.createSession({ model, bound: { inputs, outputs } });
  const fetch = await device.createSession({
    model: copyGraph([history]),
    optimization: 'none',
    bound: { inputs: new Map([['from0', placedHistory!]]), outputs: none },
  });
  const restore = async (steps: number, scaling: Scaling): Promise<void> => {
    setCounts(steps, scaling);
    await placedCounts.upload();
  };
  return new DeviceUpdate(device.name, { session, fetch, undo, restore }, numbersOf(ranges.length, l1), {
    rows,
    scaling: scaled ? newScaling() : undefined,
    lossScale: scaled ? placedCounts.tensor('scale') : undefined,
  });
}

interface Parts {
  session: Session;
  /** Brings the history back. */
  fetch: Session;
  undo: DeviceStepBuffers | undefined;
  restore(steps: number, scaling: Scaling): Promise<void>;
}

class DeviceUpdate implements Update {
  steps = 0;
  scaling: Scaling | undefined;
  readonly lossScale: BoundTensor | undefined;
  readonly #device: string;
  readonly #parts: Parts;
  readonly #numbers: ReadonlyMap<string, TensorView>;
  readonly #row = sharedTensor('int32', []);
  readonly #history: TensorView;
  /** Number of steps whose outcomes have not been read. */
  #pending = 0;

  constructor(
    device: string,
    parts: Parts,
    numbers: readonly string[],
    { rows, ...scaled }: { rows: number } & Pick<Update, 'scaling' | 'lossScale'>,
  ) {
    this.#device = device;
    this.#parts = parts;
    this.#numbers = new Map(numbers.map((name) => [name, sharedTensor('float32', [])]));
    this.#history = sharedTensor('float32', [rows, historyColumns.length]);
    this.scaling = scaled.scaling;
    this.lossScale = scaled.lossScale;
  }

  async run({ rows, maxNorm }: UpdateStep): Promise<void> {
    if (this.#pending === this.#history.shape[0])
      throw new Error('the outcomes of the steps before were not asked for');
    const set = (name: string, value: number): void => {
      const number = this.#numbers.get(name);
      if (number) number.data[0] = value;
    };
    for (const [r, { learningRate, weightDecay, l1 = 0 }] of rows.entries()) {
      set(`rate${r}`, learningRate);
      set(`decay${r}`, weightDecay);
      set(`l1/${r}`, l1);
    }
    set('maxNorm', maxNorm);
    this.#row.data[0] = this.#pending;
    const { undo, session } = this.#parts;
    await undo?.check();
    await session.run(new Map([...this.#numbers, ['row', this.#row]]), none);
    await undo?.settle();
    this.#pending++;
  }

  async outcomes(): Promise<StepOutcome[]> {
    if (this.#pending === 0) return [];
    await this.#parts.fetch.run(none, new Map([['to0', this.#history]]));
    const lines = Array.from({ length: this.#pending }, (_, row) => this.#line(row));
    this.#pending = 0;
    return lines.map((line) => this.#outcome(line));
  }

  #line(row: number): Line {
    const values = historyColumns.map((name, i) => [name, Number(this.#history.data[row * historyColumns.length + i])]);
    return Object.fromEntries(values);
  }

  #outcome({ loss, norm: gradNorm, good, scale, goodSteps }: Line): StepOutcome {
    const outcome: StepOutcome = { loss, gradNorm, ...(this.scaling && { lossScale: this.scaling.scale }) };
    if (this.scaling) this.scaling = { scale, goodSteps };
    const [lossIsFinite, normIsFinite] = [Number.isFinite(loss), Number.isFinite(gradNorm)];
    if (good === 1) {
      this.steps++;
      if (lossIsFinite && normIsFinite) return outcome;
      throw new DeviceError(
        `${this.#device} takes numbers that are not finite for finite ones (loss ${loss}, gradient norm ${gradNorm}), and ` +
          'updated the weights with them: its driver does not do as it should. Train on another device.',
        { exhausted: false, lost: false },
      );
    }
    if (!lossIsFinite) return { ...outcome, gradNorm: Number.NaN, bad: `the loss (${loss})` };
    if (!normIsFinite) return { ...outcome, bad: `the gradient norm (${gradNorm})` };
    return { ...outcome, bad: 'a running average' };
  }

  async resume(steps: number, scaling: Scaling | undefined): Promise<void> {
    this.steps = steps;
    if (this.scaling && scaling) this.scaling = { ...scaling };
    await this.#parts.restore(steps, this.scaling ?? newScaling());
  }

  async release(): Promise<void> {
    await this.#parts.session.release();
    await this.#parts.fetch.release();
  }
}

type Line = Record<(typeof historyColumns)[number], number>;
