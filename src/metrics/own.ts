// Figures that a host program measures: functions that see the outputs and targets of an evaluation batch by batch, so
// that memory is bounded by what they keep. They run in the caller's thread, between two batches of an evaluation and
// never between two steps. Their figures stand under `own` in the result, where no figure of a task is.

import { checkOptions, isObject, kindOfValue } from '../arguments.js';
import { CallbackError, UsageError } from '../errors.js';
import { quote } from '../quote.js';
import type { TensorView } from '../runtime/session.js';

/** Numbers of a batch's samples, in memory of their own. */
export interface MetricTensor {
  dtype: TensorView['dtype'];
  /** [samples, …]; of tasks that answer for each token [samples · tokens]. */
  shape: readonly number[];
  data: TensorView['data'];
}

/** What a metric is shown of a batch. Whoever keeps a tensor may: it is a copy. */
export interface MetricBatch {
  /** What the task reads of the model, by name: `logits` [samples, classes] of classifiers. */
  outputs: Readonly<Record<string, MetricTensor>>;
  /**
   * What the loss reads of the data, by name: `labels` of classifiers, tags and masked tokens, `target.NAME` of
   * tensors.
   */
  targets: Readonly<Record<string, MetricTensor>>;
  /** Number of each sample in its data. */
  samples: Uint32Array;
  /** Where a sample of the batch is: 'file:line'. */
  place(row: number): string;
}

/** What an evaluation is of. */
export interface MetricContext {
  /** Names of the classes; empty where there are none. */
  labels: readonly string[];
  /** How many there are. */
  samples: number;
  data: 'eval' | 'test';
}

export type OwnFigure = number | Readonly<Record<string, number>>;

/** One evaluation's measuring. A promise is waited for. */
export interface OwnMeter {
  add(batch: MetricBatch): unknown;
  result(): OwnFigure | Promise<OwnFigure>;
}

/** Called for each evaluation anew. */
export type NewMeter = (context: MetricContext) => OwnMeter;

/** A metric; with its direction, where the best evaluation is chosen by it: more is better unless it says otherwise. */
export type OwnMetric = NewMeter | { create: NewMeter; lessIsBetter?: boolean };

/** Metrics by name. */
export type OwnMetrics = Readonly<Record<string, OwnMetric>>;

/** Part of every result. */
export interface OwnFigures {
  /** Of the metrics that the program gave, by name. */
  own?: Readonly<Record<string, OwnFigure>>;
}

const prefix = 'own.';

/** @throws UsageError for what are no metrics, and names that cannot be told from others */
export function checkOwnMetrics(metrics: unknown): asserts metrics is OwnMetrics {
  checkOptions(metrics, "option 'metrics'");
  for (const [name, metric] of Object.entries(metrics as object)) {
    const what = `option 'metrics.${name}'`;
    if (!/^\w[\w-]*$/.test(name)) throw new UsageError(`${what}: a name is of letters, digits, - and _`);
    if (typeof metric === 'function') continue;
    if (!isObject(metric))
      throw new UsageError(`${what} must be a function, or { create, lessIsBetter }, found ${kindOfValue(metric)}`);
    checkOptions(metric, what, ['create', 'lessIsBetter']);
    const { create, lessIsBetter } = metric as { create: unknown; lessIsBetter?: unknown };
    if (typeof create !== 'function')
      throw new UsageError(`${what}: create must be a function, found ${kindOfValue(create)}`);
    if (lessIsBetter !== undefined && typeof lessIsBetter !== 'boolean')
      throw new UsageError(`${what}: lessIsBetter must be true or false, found ${kindOfValue(lessIsBetter)}`);
  }
}

/** Whether a name is that of an own metric, or of a figure of one: 'own.brier', 'own.byLength.short'. */
export const isOwnMetric = (name: string): boolean => name.startsWith(prefix);

/** The metric that a name speaks of. @throws UsageError where there is none of that name */
function metricNamed(option: string, name: string, metrics: OwnMetrics): OwnMetric {
  const own = name.slice(prefix.length).split('.')[0]!;
  if (Object.hasOwn(metrics, own)) return metrics[own]!;
  const known = Object.keys(metrics).map((one) => `${prefix}${one}`);
  const given = known.length > 0 ? `there are ${known.join(', ')}` : "none are given; give them as 'metrics'";
  throw new UsageError(`option '${option}' names ${quote(name)}, a metric of your own; ${given}`);
}

/** Whether less of it is better; undefined for a metric of the task. @throws UsageError for an own one there is not */
export function ownDirection(option: string, name: string, metrics: OwnMetrics): boolean | undefined {
  if (!isOwnMetric(name)) return undefined;
  const metric = metricNamed(option, name, metrics);
  return typeof metric === 'object' && metric.lessIsBetter === true;
}

/** The figure of that name. @throws UsageError where the metric has no such one */
export function ownFigure({ own = {} }: OwnFigures, name: string): number {
  const figure = name
    .slice(prefix.length)
    .split('.')
    .reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key as never] : undefined), own);
  if (typeof figure === 'number') return figure;
  const known = Object.entries(own).flatMap(([key, value]) =>
    typeof value === 'number' ? [key] : Object.keys(value).map((inner) => `${key}.${inner}`),
  );
  throw new UsageError(
    `there is no metric ${quote(name)}; your metrics gave ${known.map((one) => `${prefix}${one}`).join(', ') || 'none'}`,
  );
}

/** The meters of an evaluation, where there are metrics. @throws CallbackError where one cannot be made */
export const ownMeters = (metrics: OwnMetrics, context: MetricContext): { own?: OwnMeters } =>
  Object.keys(metrics).length > 0 ? { own: new OwnMeters(metrics, context) } : {};

/** A batch as an evaluation has it. */
export interface MeasuredTensors {
  samples: Uint32Array;
  inputs: ReadonlyMap<string, TensorView>;
  slot: { readonly batchSize: number };
  location(row: number): string;
}

/** All own metrics of one evaluation. */
export class OwnMeters {
  readonly #meters: [name: string, meter: OwnMeter][];

  /** @throws CallbackError where one cannot be made */
  constructor(metrics: OwnMetrics, context: MetricContext) {
    this.#meters = Object.entries(metrics).map(([name, metric]) => {
      const create = typeof metric === 'function' ? metric : metric.create;
      const meter = attempt(`metrics.${name}`, () => create(context));
      if (!isObject(meter) || [meter.add, meter.result].some((one) => typeof one !== 'function'))
        throw new CallbackError(
          `metrics.${name}`,
          new UsageError(`it must give { add(batch), result() }, found ${kindOfValue(meter)}`),
        );
      return [name, meter];
    });
  }

  /** `modelInputs`: names of tensors of the batch that are no targets. @throws CallbackError */
  async add(
    results: Readonly<Record<string, TensorView>>,
    { samples, inputs, slot, location }: MeasuredTensors,
    modelInputs: ReadonlySet<string>,
  ): Promise<void> {
    const owned = (tensors: Iterable<[string, TensorView]>): Record<string, MetricTensor> =>
      Object.fromEntries(
        Array.from(tensors, ([name, view]) => [name, rowsOf(view, samples.length, slot.batchSize)] as const),
      );
    const targets = [...inputs].filter(([name]) => !modelInputs.has(name));
    for (const [name, meter] of this.#meters) {
      // Copies for each, so that what one does to them is nothing to the next.
      const batch: MetricBatch = {
        outputs: owned(Object.entries(results)),
        targets: owned(targets),
        samples: samples.slice(),
        place: placesAt(samples.length, location),
      };
      await attemptLater(`metrics.${name}`, () => meter.add(batch));
    }
  }

  /** @throws CallbackError where one throws, or gives no figure */
  async result(): Promise<Record<string, OwnFigure>> {
    const all: Record<string, OwnFigure> = {};
    for (const [name, meter] of this.#meters) {
      const figure = await attemptLater(`metrics.${name}`, () => meter.result());
      const numbers = isObject(figure) ? Object.values(figure) : [figure];
      const wrong = numbers.find((one) => typeof one !== 'number');
      if (numbers.length === 0 || wrong !== undefined || figure === undefined)
        throw new CallbackError(
          `metrics.${name}`,
          new UsageError(
            `result() must give a number, or an object of numbers, found ${kindOfValue(numbers.length > 0 ? wrong : figure)}`,
          ),
        );
      all[name] = figure as OwnFigure;
    }
    return all;
  }
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CallbackError(what, cause);
  }
}

async function attemptLater<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new CallbackError(what, cause);
  }
}

/** The rows of the samples, without those that fill the batch up; a single number of a whole batch as it is. */
function rowsOf({ dtype, shape, data }: TensorView, samples: number, batchSize: number): MetricTensor {
  const [rows = 0, ...rest] = shape;
  const perSample = rows / batchSize;
  const whole = !Number.isInteger(perSample) || perSample === 0;
  const kept = whole ? data.length : (data.length / batchSize) * samples;
  // Of the class that the array is of, in memory that is not shared.
  const copy = new (data.constructor as new (length: number) => TensorView['data'])(kept);
  (copy as Float32Array).set(data.subarray(0, kept) as Float32Array);
  return { dtype, shape: whole ? shape : [perSample * samples, ...rest], data: copy };
}

/** Where the rows are, remembered: the batch's memory is used again. */
function placesAt(samples: number, location: (row: number) => string): (row: number) => string {
  const places = Array.from({ length: samples }, (_, row) => location(row));
  return (row) => places[row] ?? '';
}
