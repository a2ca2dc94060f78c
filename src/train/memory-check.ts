// What memory a run will need, found before its first step where somebody asks for it or a device has memory of its own: the
// graphs of its largest batch and of a smaller one are built and their values counted; the rest are lengths of arenas.

import type { TrainConfig } from '../config/train-schema.js';
import type { Feeder } from '../data/feeder.js';
import { shapesOf } from '../data/slots.js';
import { UsageError } from '../errors.js';
import { stateNames } from '../optim/optimizer.js';
import { formatBytes } from '../report/format.js';
import { type DeviceMemory, memoryOf } from '../runtime/memory.js';
import { bytesAtOnce } from '../runtime/placed.js';
import type { Engine } from './engine.js';
import { bytesFor, type Line, lineThrough, type MemoryNeed } from './memory-need.js';
import { adviceAfter, adviceWithin, type Memory, needWords } from './memory-words.js';
import type { CompileRequest, MemoryRequest } from './protocol.js';

type Recompute = MemoryRequest['recompute'];

export interface CheckedMemory {
  memory: Memory;
  /** Of the whole run. */
  estimatedBytes: number;
  notes: readonly string[];
}

type Config = Pick<TrainConfig, 'batchSize' | 'gradientAccumulationSteps' | 'optimizer' | 'recompute' | 'memoryLimit'>;

/**
 * Undefined on the CPU without a limit.
 * @param has what the device has; default what the system says
 * @throws UsageError for a run that needs more than memoryLimit
 */
export async function checkMemory(
  config: Config,
  engine: Engine,
  feeder: Feeder,
  has: () => DeviceMemory | undefined = () => memoryOf(engine.device.name),
): Promise<CheckedMemory | undefined> {
  const { memoryLimit: limit, ...batches } = config;
  if (limit === undefined && engine.device.kind === 'cpu') return undefined;
  const need = await needOf(config, engine, feeder);
  const capacity = capacityOf(has(), placedBytes(engine));
  const shape = Object.values(largestShapes(engine, feeder, config.batchSize))[0]!;
  const memory: Memory = { need, batches, shape, limit, capacity };
  const estimatedBytes = bytesFor(need, batches);
  const words = needWords(memory);
  if (estimatedBytes <= Math.min(limit ?? Number.POSITIVE_INFINITY, capacity ?? Number.POSITIVE_INFINITY))
    return { memory, estimatedBytes, notes: [words] };
  const full = { ...memory, again: await recomputed(memory, config, engine, feeder) };
  if (limit !== undefined && estimatedBytes > limit)
    throw new UsageError(`the run ${words}, and memoryLimit is ${formatBytes(limit)}; ${adviceWithin(full, limit)}`);
  const notes = [
    `${words}, and ${engine.device.name} has ${formatBytes(capacity!)} for it; ${adviceWithin(full, capacity!)}`,
  ];
  return { memory: full, estimatedBytes, notes };
}

/** What to set when memory did not suffice, as sentences. Only devices say so, and they were checked. */
export async function smallerBatches({ memory: checked, config, engine, feeder }: Checked): Promise<string> {
  const { memory } = checked!;
  return adviceAfter({ ...memory, again: memory.again ?? (await recomputed(memory, config, engine, feeder)) });
}

interface Checked {
  memory: CheckedMemory | undefined;
  config: Config;
  engine: Engine;
  feeder: Feeder;
}

/** What the parameters and gradients have of the device already counts among what the run may use. */
const capacityOf = (memory: DeviceMemory | undefined, placed: number): number | undefined =>
  memory?.free === undefined ? memory?.total : Math.min(memory.total, memory.free + placed);

const elementBytes = Float32Array.BYTES_PER_ELEMENT;

const trainedBytes = ({ model }: Engine): number =>
  model.parameters.reduce((sum, { trainable, length }) => sum + (trainable ? length * elementBytes : 0), 0);

const placedBytes = (engine: Engine): number => engine.parameters.data.byteLength + trainedBytes(engine);

async function needOf(config: Config, engine: Engine, feeder: Feeder, recompute?: Recompute): Promise<MemoryNeed> {
  const { device, model, parameters } = engine;
  const { optimizer, gradientAccumulationSteps } = config;
  const [all, trained] = [parameters.data.byteLength, trainedBytes(engine)];
  const averages = model.statistics.reduce(
    (sum, { updated, length }) => sum + (updated ? length * elementBytes : 0),
    0,
  );
  const activations = await activationsOf(config.batchSize, engine, feeder, recompute);
  const onHost = device.kind === 'cpu';
  // Of the batches that are ahead and in use. A device has the one that it works on, among its activations.
  const slots = onHost ? (feeder.batchesAhead + gradientAccumulationSteps) * feeder.layout.byteLength : 0;
  return {
    weights: all + trained * (1 + stateNames[optimizer].length) + 2 * averages,
    sums: trained,
    beside: onHost ? Math.max(0, process.memoryUsage.rss() - all) : 2 * Math.min(all, bytesAtOnce),
    activations: { ...activations, perSample: activations.perSample + slots / feeder.layout.batchSize },
  };
}

const largestShapes = ({ model }: Engine, { layout, lengths }: Feeder, batchSize: number) =>
  shapesOf(
    { ...layout, batchSize },
    model.inputs.map(({ name }) => name),
    lengths.at(-1)!,
  );

async function activationsOf(batch: number, engine: Engine, feeder: Feeder, recompute: Recompute): Promise<Line> {
  const sizes = [Math.max(1, Math.floor(batch / 2)), Math.max(2, batch)] as const;
  const graphs = sizes.map((size): CompileRequest => {
    return { mode: 'train', shapes: largestShapes(engine, feeder, size) };
  });
  const [few, many] = await engine.peakBytes({ graphs, recompute });
  return lineThrough([sizes[0], few!], [sizes[1], many!]);
}

/** The need of the same run with `recompute: layers`, where that is noticeably less. */
async function recomputed(
  { need, batches }: Memory,
  config: Config,
  engine: Engine,
  feeder: Feeder,
): Promise<MemoryNeed | undefined> {
  if (config.recompute !== 'none') return undefined;
  const again = await needOf(config, engine, feeder, 'layers');
  return bytesFor(again, batches) < 0.9 * bytesFor(need, batches) ? { ...again, beside: need.beside } : undefined;
}
