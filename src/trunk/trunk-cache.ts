// The activations of a frozen trunk during a run: computed once per sample before the first step, kept in files, and
// read instead of running the trunk from then on. Files are named by a hash over everything they follow from (the
// trunk's graph and weights, the samples, how these become inputs, the runtime), so a later run with another head,
// other rates or another length uses them again. What cannot be kept is reported, and computed anew in every epoch.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { TrunkCut } from '../compile/protocol.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { Dataset } from '../data/dataset.js';
import type { BatchSource, DataLoader } from '../data/loader.js';
import { axisLengths, batchAxis, batchSizeOf, shapesOf } from '../data/slots.js';
import type { Engine } from '../engine/engine.js';
import { DataError } from '../errors.js';
import type { TrainResult, TrunkEvent } from '../events.js';
import { formatBytes } from '../format.js';
import { fixedBatch } from '../tasks/fixed-axes.js';
import { type ActivationContent, ActivationFile } from './activation-file.js';
import { type ActivationLayout, bytesPerSample } from './activation-layout.js';
import { activationPath, makeRoom, markUsed } from './cache-directory.js';
import { CachedLoader, type WriteTargets } from './cached-loader.js';
import { fillTrunk } from './fill-trunk.js';

/** Reading a byte back takes as long as about so many multiply-adds: a trunk that does fewer for it is run again. */
const leastWorkPerByte = 50;

/** Version of how activations are computed and kept, beyond what the hashes cover. */
const version = 2;

export type CachedPart = 'train' | 'eval';

export interface TrunkListeners {
  event(event: TrunkEvent): void;
  warn(message: string): void;
}

interface Made {
  kept: ActivationLayout;
  cut: TrunkCut;
  directory: string;
  writeTargets: WriteTargets;
}

/** Where the frozen trunk of an engine's model ends for the batches of a loader; undefined where it has none. */
export async function findTrunk(
  engine: Engine,
  { layout }: Pick<DataLoader, 'layout'>,
): Promise<Pick<Made, 'kept' | 'cut'> | undefined> {
  const batchSize = batchSizeOf(layout);
  const names = engine.model.inputs.map(({ name }) => name);
  const lengths = axisLengths(layout);
  const shapes = lengths.map((axes) => shapesOf(layout, names, axes));
  const oneMore = shapesOf(layout, names, { ...lengths.at(-1)!, [batchAxis]: batchSize + 1 });
  const cut = await engine.findCut({ shapes, batch: batchSize, oneMore });
  if (!cut) return undefined;
  const forms = lengths.map((axes, i) => ({ axes, shapes: shapes[i]!, types: cut.types[i]! }));
  return { kept: { values: cut.values, batchSize, forms }, cut };
}

/** Whether reading what a trunk gives takes longer than computing it. */
const tooCheap = ({ kept, cut }: Pick<Made, 'kept' | 'cut'>): boolean =>
  cut.workPerSample < leastWorkPerByte * total(kept, kept.forms.length - 1);

export class TrunkCache {
  readonly #config: TrainConfig;
  readonly #engine: Engine;
  readonly #loader: DataLoader;
  readonly #writeTargets: WriteTargets | undefined;
  readonly #files: ActivationFile[] = [];
  readonly #cached = new Map<CachedPart, CachedLoader>();
  readonly #inUse = new Set<string>();
  /** What has been kept; undefined where nothing has. */
  summary: TrainResult['trunkCache'];
  /** Training texts that are cut, where their activations are kept. */
  truncated: number | undefined;

  /** `loader`: the one that gives whole samples; `writeTargets`: the task's, absent where nothing is to be kept. */
  constructor(config: TrainConfig, engine: Engine, loader: DataLoader, writeTargets: WriteTargets | undefined) {
    this.#config = config;
    this.#engine = engine;
    this.#loader = loader;
    this.#writeTargets = writeTargets;
  }

  /** Where the batches of a part come from. */
  source(part: CachedPart | 'test'): BatchSource {
    return (part === 'test' ? undefined : this.#cached.get(part)) ?? this.#loader;
  }

  /**
   * Keeps the activations of these parts, if the model has a frozen trunk whose values can be kept.
   * @throws DataError for a sample that cannot be used; OrtuneError when a thread is lost; the signal's reason
   */
  async open(
    parts: ReadonlyMap<CachedPart, Dataset>,
    listener: TrunkListeners,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const writeTargets = this.#writeTargets;
    if (!this.#config.trunkCache || parts.size === 0 || !writeTargets) return;
    // Activations would come down from a device and go up again with every batch.
    if (this.#engine.device.ownMemory) return;
    if (this.#engine.model.parameters.every(({ trainable }) => trainable)) return;
    // What is kept is told from what is one for all samples by a batch of another size.
    if (fixedBatch(this.#engine.model.inputs) !== undefined)
      return listener.warn(
        'what the frozen trunk computes is not kept: that takes batches of two sizes, and the model file takes one',
      );
    const cut = await findTrunk(this.#engine, this.#loader);
    if (!cut || tooCheap(cut)) return;
    const directory = this.#config.trunkCacheDirectory ?? join(this.#config.output, 'cache');
    for (const [part, data] of parts)
      if (data.repeats) await this.#keep({ ...cut, directory, writeTargets }, part, data, listener, signal);
  }

  /** Closes the files. */
  async close(): Promise<void> {
    for (const feeder of this.#cached.values()) feeder.close();
    for (const file of this.#files) await file.close();
  }

  async #keep(
    made: Made,
    part: CachedPart,
    data: Dataset,
    listener: TrunkListeners,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const started = performance.now();
    const content = await this.#contentOf(made, data);
    const path = activationPath(made.directory, content.key);
    this.#inUse.add(path);
    const found = await openFile(path, content, listener, signal);
    const file = found ?? (await this.#fill(made, { part, data, path, content }, listener, signal));
    if (!file) return;
    await markUsed(path);
    this.#files.push(file);
    const inputs = this.#engine.model.inputs.map(({ name }) => name);
    this.#cached.set(
      part,
      new CachedLoader(this.#loader, file, made.kept, { inputs, writeTargets: made.writeTargets }),
    );
    if (part === 'train') this.truncated = file.notes.truncated;
    const [bytes, samples, seconds] = [file.bytes, data.samples, (performance.now() - started) / 1000];
    const reused = found !== undefined;
    listener.event({ data: part, done: samples, samples, bytes, seconds, reused, complete: true });
    const { summary } = this;
    this.summary = {
      bytes: bytes + (summary?.bytes ?? 0),
      samples: samples + (summary?.samples ?? 0),
      seconds: seconds + (summary?.seconds ?? 0),
      reused: reused && (summary?.reused ?? true),
    };
  }

  async #contentOf({ kept, cut }: Made, data: Dataset): Promise<ActivationContent> {
    const { device } = this.#engine;
    const { preprocessing: ofModel } = await this.#engine.hashes();
    const { preprocessing } = this.#loader;
    const origin = [version, device.name, device.version, cut.hash, ofModel, preprocessing, data.hash];
    const key = createHash('sha256').update(JSON.stringify(origin)).digest('hex');
    const layout = kept.forms.map(({ axes }, form) => ({ axes, bytes: bytesPerSample(kept, form) }));
    return { key, samples: data.samples, layout };
  }

  async #fill(
    { kept, directory }: Made,
    { part, data, path, content }: { part: CachedPart; data: Dataset; path: string; content: ActivationContent },
    listener: TrunkListeners,
    signal: AbortSignal | undefined,
  ): Promise<ActivationFile | undefined> {
    const most = this.#config.trunkCacheMaxBytes;
    const { samples } = data;
    const [shortest, longest] = [0, kept.forms.length - 1];
    const estimate = samples * total(kept, longest);
    const tooLarge = (bytes: number, least: string): void =>
      listener.warn(
        `the activations of the frozen trunk for ${samples} samples (${part}) would take ${least}${formatBytes(bytes)}, ` +
          `trunkCacheMaxBytes allows ${formatBytes(most)}; every epoch computes them anew`,
      );
    if (samples * total(kept, shortest) > most) {
      tooLarge(samples * total(kept, shortest), 'at least ');
      return undefined;
    }
    const started = performance.now();
    const progress = (done: number, bytes: number): void => {
      const seconds = (performance.now() - started) / 1000;
      listener.event({ data: part, done, samples, bytes, seconds, reused: false, complete: false });
    };
    try {
      await makeRoom(directory, { bytes: Math.min(estimate, most), most, inUse: this.#inUse });
      progress(0, estimate);
      const whole = await fillTrunk(this.#engine, this.#loader, data, { path, content, kept, most, signal, progress });
      if (!whole) tooLarge(most, 'more than ');
      return whole ? await ActivationFile.open(path, content, signal) : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      listener.warn(
        `the activations of the frozen trunk cannot be kept in ${directory}: ${(error as Error).message}; every epoch ` +
          'computes them anew',
      );
      return undefined;
    }
  }
}

const total = (kept: ActivationLayout, length: number): number =>
  bytesPerSample(kept, length).reduce((sum, n) => sum + n, 0);

/** The file, where there is one that is whole; a damaged one is reported as a warning. */
async function openFile(
  path: string,
  content: ActivationContent,
  { warn }: TrunkListeners,
  signal: AbortSignal | undefined,
): Promise<ActivationFile | undefined> {
  try {
    return await ActivationFile.open(path, content, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof DataError) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    warn(`${(error as Error).message}; it is computed anew`);
    return undefined;
  }
}
