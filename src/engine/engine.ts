// The device side of training: one opened model, its parameter and gradient arenas, and a session for every
// (mode, input shapes) met so far. Graphs come from the model worker; sessions share the parameters in place.
// This is not the loop: it knows nothing of epochs, data files or schedules.

import type {
  Compiled,
  CompileRequest,
  CutRequest,
  MemoryRequest,
  Mode,
  ModelHashes,
  OpenedModel,
  OpenRequest,
  Saved,
  SaveRequest,
  TrunkCut,
} from '../compile/protocol.js';
import { vectorsInput } from '../compile/step-loss.js';
import type { InputShapes } from '../data/slots.js';
import { type Outcome, unwrap } from '../errors.js';
import { lossScaleInput } from '../lower/mixed-precision.js';
import type { Precision } from '../lower/target.js';
import { threadsNote } from '../machine.js';
import { lossScale } from '../optim/loss-scale.js';
import { Optimizer, type ParameterRange, type UpdateOptions } from '../optim/optimizer.js';
import type { OptimizerOptions } from '../optim/rules.js';
import { lossEntry } from '../optim/update.js';
import { quote } from '../quote.js';
import { Arena, sharedTensor } from '../runtime/arena.js';
import { copyGraph } from '../runtime/placed.js';
import { supportedPrecision } from '../runtime/precision.js';
import { chooseDevice, probeDevices } from '../runtime/probe.js';
import {
  type BoundTensor,
  type Device,
  type DeviceTensors,
  openDevice,
  type Session,
  type TensorView,
} from '../runtime/session.js';
import type { Results } from '../tasks/task.js';
import { TimeSlice } from '../threads/time-slice.js';
import { WorkerPool } from '../threads/worker-pool.js';
import { keyInput } from '../transfer/dropout.js';
import { GraphInputs, inputOf } from './graph-inputs.js';
import { modelThread } from './model-thread.js';
import { RunningStatistics } from './running-statistics.js';
import { type CompiledSession, SessionStore } from './sessions.js';

export interface EngineOptions extends Omit<OpenRequest, 'kernels' | 'target' | 'precision'> {
  /** Of the products of graphs that train; default float32, which the CPU always computes in. */
  precision?: Precision | undefined;
  /** See openDevice, or 'auto' for the fastest that works; default cpu. */
  device?: string | undefined;
  /** Threads of the runtime; default: one per core. */
  threads?: number | undefined;
}

/** A batch as the engine takes it: the model's inputs and the task's (labels, weights), by name. */
export interface EngineBatch {
  inputs: ReadonlyMap<string, TensorView>;
  /**
   * Where `inputs` has the values at the cut in place of the model's own inputs: their names, and those inputs' shapes.
   */
  trunk?: { values: readonly string[]; shapes: InputShapes } | undefined;
}

/** What sums of losses are divided by, by the graph's input; `normaliser` is the task's own. */
export type Normalisers = Readonly<Record<string, number>>;

/** What makes the masks of one run differ from any other's. */
export interface StepKey {
  seed: number;
  step: number;
  microStep: number;
}

/** How an optimizer of an engine is made: see Engine.createOptimizer. */
export type Updating = { gradients?: Arena | undefined } & Pick<UpdateOptions, 'outcomes' | 'held'>;

export class Engine {
  readonly device: Device;
  readonly model: OpenedModel;
  /** The statistics of BatchNormalization behind them. */
  readonly parameters: Arena;
  /** Gradients, laid out like the parameters, and behind them the loss. */
  readonly gradients: Arena;
  /** Of BatchNormalization; a good step leaves new ones. */
  readonly averages: RunningStatistics;
  /** What graphs that train compute their products in. */
  readonly precision: Precision;
  readonly #worker: WorkerPool;
  readonly #sessions: SessionStore;
  readonly #placed: { parameters: DeviceTensors; gradients: DeviceTensors };
  readonly #feeds = new GraphInputs();
  readonly #key = sharedTensor('uint32', [4]);
  #lossScale: BoundTensor = sharedTensor('float32', []);
  #loss: Promise<Session> | undefined;
  #work = 0;
  #hashes: Promise<ModelHashes> | undefined;

  private constructor(
    device: Device,
    model: OpenedModel,
    worker: WorkerPool,
    state: Pick<Engine, 'parameters' | 'gradients' | 'averages' | 'precision'>,
    placed: { parameters: DeviceTensors; gradients: DeviceTensors },
  ) {
    this.device = device;
    this.model = model;
    this.parameters = state.parameters;
    this.gradients = state.gradients;
    this.averages = state.averages;
    this.precision = state.precision;
    this.#placed = placed;
    this.#worker = worker;
    (this.#lossScale as TensorView).data[0] = lossScale.first;
    const build = async (request: CompileRequest): Promise<Compiled> =>
      unwrap(await worker.run<Outcome<Compiled>>(request, 'build'));
    this.#sessions = new SessionStore(device, build, state, placed);
  }

  /**
   * Opens a model with its transfer options.
   * @param worker a pool of `modelThread` that was started before; it is closed with the engine
   */
  static async open(options: EngineOptions, worker = new WorkerPool(modelThread)): Promise<Engine> {
    const { threads, device: name = 'cpu', precision: wanted = 'float32', ...modelOptions } = options;
    let device: Device | undefined;
    try {
      const chosen = name === 'auto' ? chooseDevice(await probeDevices()) : { name, why: undefined };
      device = await openDevice(chosen.name, { threads });
      const { precision, note } = await supportedPrecision(device, wanted, name === 'auto');
      const request: OpenRequest = { ...modelOptions, kernels: [...device.kernels], target: device.kind, precision };
      const model = unwrap(await worker.run<Outcome<OpenedModel>>(request, 'open'));
      const parameters = Arena.over([...model.parameters, ...model.statistics], model.arena);
      const gradients = Arena.create(Arena.layout([...parameters.entries, { name: lossEntry, shape: [] }]));
      const trained = model.parameters.filter((p) => p.trainable).map((p) => p.name);
      const placed = {
        parameters: await device.place(parameters),
        gradients: await device.place(gradients, [...trained, lossEntry]),
      };
      const { why } = chosen;
      const crowded = threadsNote(device.threads);
      const notes = why === undefined ? [...model.notes] : [`device auto is ${device.name}: ${why}`, ...model.notes];
      if (note !== undefined) notes.push(note);
      if (crowded !== undefined) notes.push(crowded);
      const averages = await RunningStatistics.create(device, model.statistics, parameters);
      const state = { parameters, gradients, averages, precision };
      return new Engine(device, { ...model, notes }, worker, state, placed);
    } catch (error) {
      await device?.close();
      await worker.destroy();
      throw error;
    }
  }

  /** Of the files as they are at the first call, which the model's thread reads again for it. */
  hashes(): Promise<ModelHashes> {
    this.#hashes ??= this.#worker.run<Outcome<ModelHashes>>(undefined, 'hashes').then(unwrap);
    return this.#hashes;
  }

  /** Brings what a device holds of the parameters, and of the optimizer, to the arenas; nothing to do on the CPU. */
  async download(optimizer?: Optimizer): Promise<void> {
    for (const arena of [this.parameters, ...(optimizer?.state.values() ?? [])])
      await (await this.device.place(arena)).download();
  }

  /** The other way, after the arenas were written. */
  async upload(optimizer?: Optimizer): Promise<void> {
    for (const arena of [this.parameters, ...(optimizer?.state.values() ?? [])])
      await (await this.device.place(arena)).upload();
  }

  /** Whether every row of a training batch must be a sample: one that only fills up would go into the statistics. */
  get dropLast(): boolean {
    return this.model.statistics.some((s) => s.updated);
  }

  /**
   * `gradients`: what the updates read, where it is not this engine's own arena (gradient accumulation); `outcomes`:
   * steps that a device takes before their outcomes are read, default 1; `held`: what weights are held to.
   */
  async createOptimizer(
    ranges: readonly ParameterRange[],
    options: OptimizerOptions,
    { gradients = this.gradients, outcomes = 1, held = [] }: Updating = {},
  ): Promise<Optimizer> {
    const updating: UpdateOptions = { beside: this.averages, scaled: this.precision === 'float16', outcomes, held };
    const optimizer = await Optimizer.create(this.device, this.parameters, gradients, ranges, options, updating);
    if (optimizer.lossScale) this.#lossScale = optimizer.lossScale;
    return optimizer;
  }

  /**
   * Forward and backward: writes the gradients of Σ weight·loss / normaliser into `gradients`, and that loss behind
   * them. A normaliser is the sum of the weights over everything that one optimizer step covers; by the graph's input.
   * The running averages are those after the batch then; `averages.undo` takes back a step's. On a device it
   * enqueues and does not wait, except in the first run for inputs of these shapes, where memory may not suffice.
   * `pullback`: the gradients of the batch's vectors and its share of the loss are given, among `inputs`.
   */
  async forwardBackward(
    batch: EngineBatch,
    normalisers: Normalisers,
    key: StepKey,
    mode: 'train' | 'pullback' = 'train',
  ): Promise<void> {
    this.#setKey(key);
    if (key.microStep === 0) await this.averages.begin();
    const { fresh } = await this.#run(mode, batch, normalisers);
    if (fresh) await this.loss();
    await this.averages.take();
  }

  /**
   * Of a batch what a loss over all batches of a step compares, as training computes it; overwritten by the next call.
   */
  async vectors(batch: EngineBatch, key: StepKey): Promise<TensorView> {
    this.#setKey(key);
    return (await this.run('vectors', batch)).vectors!;
  }

  /**
   * A loss over the vectors of all batches of a step, and its gradients by them; overwritten by the next call.
   * @param inputs `vectors` and what the task's loss reads beside them
   */
  async stepLoss(inputs: ReadonlyMap<string, TensorView>): Promise<{ loss: number; gradients: TensorView }> {
    const { loss, gradients } = await this.run('stepLoss', { inputs });
    return { loss: Number(loss!.data[0]), gradients: gradients! };
  }

  #setKey({ seed, step, microStep }: StepKey): void {
    this.#key.data.set([seed >>> 0, step >>> 0, microStep >>> 0, 0] as never);
  }

  /** Multiply-adds of the products of training, and of what a frozen trunk keeps, since the last call. */
  takeWork(): number {
    const work = this.#work;
    this.#work = 0;
    return work;
  }

  /** Of the last `forwardBackward`; waits for it. */
  async loss(): Promise<number> {
    if (!this.device.ownMemory) return this.gradients.array(lossEntry)[0]!;
    const from = this.#placed.gradients.tensor(lossEntry);
    this.#loss ??= this.device.createSession({
      model: copyGraph([from]),
      optimization: 'none',
      bound: { inputs: new Map([['from0', from]]), outputs: new Map() },
    });
    const session = await this.#loss;
    const view = this.gradients.view(lossEntry);
    await session.run(new Map(), new Map([['to0', view]]));
    return Number(view.data[0]);
  }

  /**
   * What a graph that does not train gives for a batch, by the task's names: `evaluate` what its meter reads, `predict`
   * the outputs that it reads; `vectors` and `stepLoss` have functions of their own. Sums of losses are divided by
   * `normalisers`, default 1. Overwritten by the next call.
   */
  async run(
    mode: 'evaluate' | 'predict' | 'vectors' | 'stepLoss',
    batch: EngineBatch,
    normalisers: Normalisers = {},
  ): Promise<Results> {
    const { outputs, compiled } = await this.#run(mode, batch, normalisers);
    return Object.fromEntries(Object.entries(compiled.results).map(([name, value]) => [name, outputs.get(value)!]));
  }

  /** Where the frozen trunk ends; undefined where there is none whose values could be kept. */
  async findCut(request: CutRequest): Promise<TrunkCut | undefined> {
    return unwrap(await this.#worker.run<Outcome<TrunkCut | undefined>>(request, 'cut'));
  }

  /** For each set of graphs: bytes that its sessions hold at most beside what they are bound to. */
  async bytesTogether(request: MemoryRequest): Promise<number[]> {
    return unwrap(await this.#worker.run<Outcome<number[]>>(request, 'memory'));
  }

  /** The values at the cut for a batch of the model's inputs; overwritten by the next call. */
  async activations(batch: EngineBatch, values: readonly string[]): Promise<TensorView[]> {
    const { outputs } = await this.#run('trunk', { ...batch, trunk: { values, shapes: this.#shapesOf(batch) } }, {});
    return values.map((name) => outputs.get(name) ?? inputOf(batch, name));
  }

  /** The first value of the forward graph that is not finite on this batch, parameters first. */
  async firstBadTensor(batch: EngineBatch): Promise<string | undefined> {
    const pace = new TimeSlice();
    const finite = async ({ data, dtype }: TensorView): Promise<boolean> => {
      if (pace.due) await pace.rest();
      return dtype !== 'float32' || (data as Float32Array).every(Number.isFinite);
    };
    await this.download();
    for (const { name, alias } of this.model.parameters)
      if (!(await finite(this.parameters.view(name)))) return `parameter ${quote(alias)}`;
    const { outputs, compiled } = await this.#run('diagnose', batch, {});
    // In the order of the graph, whose last values are the results and the loss.
    const last = [...Object.values(compiled.results), compiled.loss!];
    const names = [...[...outputs.keys()].filter((name) => !last.includes(name)), ...last];
    for (const name of names) if (!(await finite(outputs.get(name)!))) return `value ${quote(name)}`;
    return undefined;
  }

  /**
   * Writes the model directory with the weights as they are now; returns the path of the ONNX file, or of an adapter.
   * @param onNote is told what people should know of what was written
   */
  async save(
    directory: string,
    more: Pick<SaveRequest, 'preprocessor' | 'settled' | 'form'> = {},
    onNote: (note: string) => void = () => {},
  ): Promise<string> {
    await this.download();
    const request: SaveRequest = { directory, arena: this.parameters.buffer, ...more };
    const { path, notes } = unwrap(await this.#worker.run<Outcome<Saved>>(request, 'save'));
    for (const note of notes) onNote(note);
    return path;
  }

  async close(): Promise<void> {
    await this.#sessions.clear();
    await this.device.close();
    await this.#worker.destroy();
  }

  async #run(mode: Mode, batch: EngineBatch, normalisers: Normalisers): Promise<CompiledSession> {
    const prepared = await this.#prepared(mode, batch);
    const { session, compiled, outputs } = prepared;
    const own = new Map<string, BoundTensor>([
      [keyInput, this.#key],
      [lossScaleInput, this.#lossScale],
    ]);
    await session.run(this.#feeds.inputs(compiled.inputs, batch, normalisers, own), outputs);
    if (!untrained.has(mode)) this.#work += compiled.work;
    const ran = { ...prepared };
    prepared.fresh = false;
    return ran;
  }

  #prepared(mode: Mode, batch: EngineBatch): Promise<CompiledSession> {
    const given = mode === 'stepLoss' ? { [vectorsInput]: inputOf(batch, vectorsInput).shape } : undefined;
    const { values: cut, shapes = given ?? this.#shapesOf(batch) } = batch.trunk ?? {};
    const { shapedBy } = this.model;
    // A loss over a step has no batch of its own, and predictions no loss.
    const fields = shapedBy.length > 0 && mode !== 'stepLoss' ? shapesOfInputs(batch, shapedBy) : undefined;
    return this.#sessions.get({ mode, shapes, fields, cut });
  }

  #shapesOf(batch: EngineBatch): InputShapes {
    return shapesOfInputs(
      batch,
      this.model.inputs.map(({ name }) => name),
    );
  }
}

/** What measures, and has no part in training. */
const untrained: ReadonlySet<Mode> = new Set(['evaluate', 'predict', 'diagnose']);

const shapesOfInputs = (batch: EngineBatch, names: readonly string[]): InputShapes =>
  Object.fromEntries(names.map((name) => [name, inputOf(batch, name).shape]));
