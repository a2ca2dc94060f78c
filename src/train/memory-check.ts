// The memory that a run will need, found before its first step where the options request it or a device has memory of
// its own: the graphs of its largest batch and of a smaller one are built and their values counted; the rest are
// lengths of arenas.

import type { CompileRequest, MemoryRequest } from '../compile/protocol.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { DataLoader } from '../data/loader.js';
import { type AxisLengths, axisLengths, batchAxis, batchSizeOf, type InputShapes, shapesOf } from '../data/slots.js';
import type { Engine } from '../engine/engine.js';
import { UsageError } from '../errors.js';
import { formatBytes } from '../format.js';
import { allocatedBytes } from '../lower/memory.js';
import { ruleOf } from '../optim/rules.js';
import type { ArenaEntry } from '../runtime/arena.js';
import { type DeviceMemory, memoryOf } from '../runtime/memory.js';
import { bytesAtOnce } from '../runtime/placed.js';
import { fixedBatch } from '../tasks/fixed-axes.js';
import { adviceAfter, adviceWithin, type Memory, needWords } from './memory-messages.js';
import { bytesFor, type Line, lineThrough, type MemoryNeed } from './memory-need.js';

type Recompute = MemoryRequest['recompute'];

export interface CheckedMemory {
  memory: Memory;
  /** Of the whole run. */
  estimatedBytes: number;
  notes: readonly string[];
}

type Config = Pick<
  TrainConfig,
  'batchSize' | 'gradientAccumulationSteps' | 'optimizer' | 'recompute' | 'memoryLimit' | 'eval' | 'evalSplit'
>;

/**
 * Undefined on the CPU without a limit.
 * @param has what the device has; default what the system says
 * @throws UsageError for a run that needs more than memoryLimit
 */
export async function checkMemory(
  config: Config,
  engine: Engine,
  loader: DataLoader,
  has: () => DeviceMemory | undefined = () => memoryOf(engine.device.name),
): Promise<CheckedMemory | undefined> {
  const { memoryLimit: limit, batchSize, gradientAccumulationSteps } = config;
  const batches = { batchSize, gradientAccumulationSteps };
  if (limit === undefined && !engine.device.ownMemory) return undefined;
  const need = await needOf(config, engine, loader);
  const capacity = capacityOf(has(), engine);
  const shape = Object.values(
    shapesAt(engine, loader, config.batchSize, axisLengths(loader.layout).at(-1)!).shapes,
  )[0]!;
  const memory: Memory = { need, batches, shape, limit, capacity };
  const estimatedBytes = bytesFor(need, batches);
  const words = needWords(memory);
  if (estimatedBytes <= Math.min(limit ?? Number.POSITIVE_INFINITY, capacity ?? Number.POSITIVE_INFINITY))
    return { memory, estimatedBytes, notes: [words] };
  const full = { ...memory, again: await recomputed(memory, config, engine, loader) };
  if (limit !== undefined && estimatedBytes > limit)
    throw new UsageError(`the run ${words}, and memoryLimit is ${formatBytes(limit)}; ${adviceWithin(full, limit)}`);
  const notes = [
    `${words}, and ${engine.device.name} has ${formatBytes(capacity!)} for it; ${adviceWithin(full, capacity!)}`,
  ];
  return { memory: full, estimatedBytes, notes };
}

/** What to set when memory did not suffice, as sentences. Only devices say so, and they were checked. */
export async function smallerBatches({ memory: checked, config, engine, loader }: Checked): Promise<string> {
  const { memory } = checked!;
  return adviceAfter({ ...memory, again: memory.again ?? (await recomputed(memory, config, engine, loader)) });
}

interface Checked {
  memory: CheckedMemory | undefined;
  config: Config;
  engine: Engine;
  loader: DataLoader;
}

/** What the parameters and gradients have of the device already counts among what the run may use. */
function capacityOf(memory: DeviceMemory | undefined, engine: Engine): number | undefined {
  if (memory?.free === undefined) return memory?.total;
  const { all, trained } = weightBytes(engine);
  return Math.min(memory.total, memory.free + all + trained);
}

/** Of the tensors that lie in the parameter arena, and of those of them that are trained and have gradients. */
function weightBytes({ device, model }: Engine): { all: number; trained: number; averages: number } {
  const bytes = (entries: readonly ArenaEntry[]): number =>
    entries.reduce((sum, { length }) => sum + allocatedBytes(length * Float32Array.BYTES_PER_ELEMENT, device.kind), 0);
  return {
    all: bytes([...model.parameters, ...model.statistics]),
    trained: bytes(model.parameters.filter(({ trainable }) => trainable)),
    averages: bytes(model.statistics.filter(({ updated }) => updated)),
  };
}

/** What a process grows by while it trains, beside what is counted: sessions, heaps of threads. */
const processGrowth = 32 * 2 ** 20;

/** What a device's memory loses to the pieces that it is handed out in, as measured: docs/devices.md. */
const lostShare = 0.08;

async function needOf(config: Config, engine: Engine, loader: DataLoader, recompute?: Recompute): Promise<MemoryNeed> {
  const { all, trained, averages } = weightBytes(engine);
  const states = ruleOf(config.optimizer).states.length;
  const weights = all + trained * (1 + states) + 2 * averages;
  const { perSample, fixed } = await activationsOf(config, engine, loader, recompute);
  if (engine.device.ownMemory) {
    const taken = (bytes: number): number => (1 + lostShare) * bytes;
    return {
      weights: taken(weights),
      sums: taken(trained),
      // What weights go up and come down through.
      beside: taken(2 * Math.min(all, bytesAtOnce)),
      activations: { fixed: taken(fixed), perSample: taken(perSample) },
    };
  }
  // A checkpoint is a copy of weights and optimizer; a saved model is read and written.
  const written = all * (1 + states) + 2 * all;
  const { batchesAhead, layout } = loader;
  // Of the batches that are ahead and in use.
  const slots = (batchesAhead + config.gradientAccumulationSteps) * (layout.byteLength / batchSizeOf(layout));
  return {
    weights,
    sums: trained,
    beside: Math.max(0, process.memoryUsage.rss() - all) + processGrowth + written,
    activations: { fixed, perSample: perSample + slots },
  };
}

const shapesAt = (
  { model }: Engine,
  { layout }: DataLoader,
  batchSize: number,
  lengths: AxisLengths,
): { shapes: InputShapes; fields: InputShapes } => {
  const all = { ...lengths, [batchAxis]: batchSize };
  const inputs = model.inputs.map(({ name }) => name);
  return { shapes: shapesOf(layout, inputs, all), fields: shapesOf(layout, model.shapedBy, all) };
};

async function activationsOf(config: Config, engine: Engine, loader: DataLoader, recompute: Recompute): Promise<Line> {
  const { batchSize: batch } = config;
  // Of a file that takes no other batch there is one size, and all of it is fixed.
  const only = fixedBatch(engine.model.inputs);
  const sizes = only === undefined ? [Math.max(1, Math.floor(batch / 2)), Math.max(2, batch)] : [only];
  const [longest, second] = axisLengths(loader.layout).toReversed() as [AxisLengths, AxisLengths?];
  // On the CPU sessions share one arena, and the largest of them decides.
  const onHost = !engine.device.ownMemory;
  const sets = sizes.map((size): CompileRequest[] => {
    const train = (lengths: AxisLengths): CompileRequest => {
      return { mode: 'train', ...shapesAt(engine, loader, size, lengths) };
    };
    if (onHost) return [train(longest)];
    const evaluate = { ...train(longest), mode: 'evaluate' } as const;
    return [
      train(longest),
      ...(second === undefined ? [] : [train(second)]),
      ...(config.eval || config.evalSplit !== undefined ? [evaluate] : []),
    ];
  });
  const [few, many] = await engine.bytesTogether({ sets, recompute });
  if (many === undefined) return { perSample: 0, fixed: few! };
  return lineThrough([sizes[0]!, few!], [sizes[1]!, many]);
}

/** The need of the same run with `recompute: layers`, where that is noticeably less. */
async function recomputed(
  { need, batches }: Memory,
  config: Config,
  engine: Engine,
  loader: DataLoader,
): Promise<MemoryNeed | undefined> {
  if (config.recompute !== 'none') return undefined;
  const again = await needOf(config, engine, loader, 'layers');
  return bytesFor(again, batches) < 0.9 * bytesFor(need, batches) ? { ...again, beside: need.beside } : undefined;
}
