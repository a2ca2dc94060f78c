// The device side of training: one opened model, its parameter and gradient arenas, and a session for every
// (mode, input shapes) met so far. Graphs come from the model worker; sessions share the parameters in place.
// This is not the loop: it knows nothing of epochs, data files or schedules.

import { Piscina } from 'piscina';
import { Pace } from '../data/pace.js';
import type { InputShapes } from '../data/slots.js';
import { ModelError, type Outcome, unwrap } from '../errors.js';
import type { MaskedScores } from '../metrics/masked-lm.js';
import { Optimizer, type OptimizerOptions, type ParameterRange } from '../optim/optimizer.js';
import { Arena, sharedTensor } from '../runtime/arena.js';
import { SessionCache, sessionsToKeep } from '../runtime/cache.js';
import type { Placed } from '../runtime/placed.js';
import { chooseDevice, probeDevices } from '../runtime/probe.js';
import { type Device, openDevice, type Session, type TensorView } from '../runtime/session.js';
import { type Task, textClassification } from '../tasks/task.js';
import { keyInput } from '../transfer/dropout.js';
import type {
  Compiled,
  CompileRequest,
  CutRequest,
  Mode,
  OpenedModel,
  OpenRequest,
  SaveRequest,
  TrunkCut,
} from './protocol.js';
import { RunningAverages } from './running-averages.js';

export interface EngineOptions extends Omit<OpenRequest, 'kernels' | 'task' | 'target'> {
  /** Default text classification. */
  task?: Task | undefined;
  /** See openDevice, or 'auto' for the fastest that works; default cpu. */
  device?: string | undefined;
  /** Threads of the runtime; default: one per core. */
  threads?: number | undefined;
}

/** A batch as the engine takes it: the model's inputs and the task's (labels, weights), by name. */
export interface EngineBatch {
  inputs: ReadonlyMap<string, TensorView>;
  /** Where `inputs` has the values at the cut in place of the model's own inputs: their names, and those inputs' shapes. */
  trunk?: { values: readonly string[]; shapes: InputShapes } | undefined;
}

/** A session with what it was made from and the tensors its outputs go to. */
interface Prepared {
  session: Session;
  compiled: Omit<Compiled, 'model'>;
  outputs: Map<string, TensorView>;
}

const numberOf = ({ outputs }: Prepared, name: string): number => Number(outputs.get(name)!.data[0]);
const lossOf = (prepared: Prepared): number => numberOf(prepared, prepared.compiled.loss!);
const logitsOf = ({ compiled, outputs }: Prepared): TensorView => outputs.get(compiled.logits!)!;

function inputOf({ inputs }: EngineBatch, name: string): TensorView {
  const view = inputs.get(name);
  if (!view) throw new ModelError(`The model needs an input '${name}', which this task does not feed.`);
  return view;
}

/** What sums of losses are divided by, by the graph's input; `normaliser` is the task's own. */
export type Normalisers = Readonly<Record<string, number>>;

/** What makes the masks of one run differ from any other's. */
export interface StepKey {
  seed: number;
  step: number;
  microStep: number;
}

export class Engine {
  readonly device: Device;
  readonly model: OpenedModel;
  /** The statistics of BatchNormalization behind them. */
  readonly parameters: Arena;
  /** Gradients, laid out like the parameters. */
  readonly gradients: Arena;
  /** Of BatchNormalization; a good step leaves new ones. */
  readonly averages: RunningAverages;
  readonly #worker: Piscina;
  readonly #sessions: SessionCache<Prepared>;
  readonly #placed: { parameters: Placed; gradients: Placed };
  readonly #normalisers = new Map<string, TensorView>();
  readonly #narrowed = new Map<string, TensorView>();
  readonly #key = sharedTensor('uint32', [4]);

  private constructor(
    device: Device,
    model: OpenedModel,
    worker: Piscina,
    state: Pick<Engine, 'parameters' | 'gradients' | 'averages'>,
    placed: { parameters: Placed; gradients: Placed },
  ) {
    this.device = device;
    this.model = model;
    this.parameters = state.parameters;
    this.gradients = state.gradients;
    this.averages = state.averages;
    this.#placed = placed;
    this.#worker = worker;
    this.#sessions = new SessionCache(sessionsToKeep(device), (prepared) => prepared.session.release());
  }

  /** Opens a model with its transfer options. */
  static async open(options: EngineOptions): Promise<Engine> {
    const worker = new Piscina({
      filename: new URL('./model-worker.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
    });
    const { threads, task = textClassification, device: name = 'cpu', ...asked } = options;
    let device: Device | undefined;
    try {
      const chosen = name === 'auto' ? chooseDevice(await probeDevices()) : { name, why: undefined };
      device = await openDevice(chosen.name, { threads });
      const request: OpenRequest = { ...asked, task, kernels: [...device.kernels], target: device.kind };
      const model = unwrap((await worker.run(request, { name: 'open' })) as Outcome<OpenedModel>);
      const parameters = Arena.over([...model.parameters, ...model.statistics], model.arena);
      const gradients = parameters.like();
      const trained = model.parameters.filter((p) => p.trainable).map((p) => p.name);
      const placed = {
        parameters: await device.place(parameters),
        gradients: await device.place(gradients, trained),
      };
      const { why } = chosen;
      const notes = why === undefined ? model.notes : [`device auto is ${device.name}: ${why}`, ...model.notes];
      const averages = await RunningAverages.create(device, model.statistics, parameters);
      return new Engine(device, { ...model, notes }, worker, { parameters, gradients, averages }, placed);
    } catch (error) {
      await device?.close();
      await worker.destroy();
      throw error;
    }
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
  get wholeBatches(): boolean {
    return this.model.statistics.some((s) => s.updated);
  }

  /** `gradients`: what the updates read, where it is not this engine's own arena (gradient accumulation). */
  createOptimizer(
    ranges: readonly ParameterRange[],
    options: OptimizerOptions,
    gradients = this.gradients,
  ): Promise<Optimizer> {
    return Optimizer.create(this.device, this.parameters, gradients, ranges, options);
  }

  /**
   * Forward and backward: writes the gradients of Σ weight·loss / normaliser into `gradients`, returns that loss.
   * A normaliser is the sum of the weights over everything that one optimizer step covers; by the graph's input. The
   * running averages are those after the batch then, unless the loss is not finite; `averages.undo` takes back a step's.
   */
  async forwardBackward(batch: EngineBatch, normalisers: Normalisers, key: StepKey): Promise<number> {
    this.#key.data.set([key.seed >>> 0, key.step >>> 0, key.microStep >>> 0, 0] as never);
    if (key.microStep === 0) await this.averages.begin();
    const loss = lossOf(await this.#run('train', batch, normalisers));
    if (Number.isFinite(loss)) await this.averages.take();
    return loss;
  }

  /** Loss (Σ weight·loss / normaliser) and logits [batch, labels]; the logits are overwritten by the next call. */
  async evaluate(batch: EngineBatch, normalisers: Normalisers): Promise<{ loss: number; logits: TensorView }> {
    const ran = await this.#run('evaluate', batch, normalisers);
    return { loss: lossOf(ran), logits: logitsOf(ran) };
  }

  /** How masked-LM does on the batch; the predictions are overwritten by the next call. */
  async maskedScores(batch: EngineBatch): Promise<MaskedScores> {
    const ran = await this.#run('evaluate', batch, { normaliser: 1, pair_normaliser: 1 });
    const { maskedLoss, predictions, pairLoss, pairPredictions } = ran.compiled.masked!;
    const data = (name: string): BigInt64Array => {
      const { data } = ran.outputs.get(name)!;
      return data instanceof BigInt64Array ? data : BigInt64Array.from(data as Int32Array, BigInt);
    };
    return {
      loss: numberOf(ran, maskedLoss),
      predictions: data(predictions),
      ...(pairLoss &&
        pairPredictions && { pairs: { loss: numberOf(ran, pairLoss), predictions: data(pairPredictions) } }),
    };
  }

  /** Logits [batch, labels]; overwritten by the next call. */
  async predict(batch: EngineBatch): Promise<TensorView> {
    return logitsOf(await this.#run('predict', batch, {}));
  }

  /** Where the frozen trunk ends; undefined where there is none whose values could be kept. */
  async findCut(request: CutRequest): Promise<TrunkCut | undefined> {
    return unwrap((await this.#worker.run(request, { name: 'cut' })) as Outcome<TrunkCut | undefined>);
  }

  /** The values at the cut for a batch of the model's inputs; overwritten by the next call. */
  async activations(batch: EngineBatch, values: readonly string[]): Promise<TensorView[]> {
    const { outputs } = await this.#run('trunk', { ...batch, trunk: { values, shapes: this.#shapesOf(batch) } }, {});
    return values.map((name) => outputs.get(name) ?? inputOf(batch, name));
  }

  /** The first value of the forward graph that is not finite on this batch, parameters first. */
  async firstBadTensor(batch: EngineBatch): Promise<string | undefined> {
    const pace = new Pace();
    const finite = async ({ data, dtype }: TensorView): Promise<boolean> => {
      if (pace.due) await pace.rest();
      return dtype !== 'float32' || (data as Float32Array).every(Number.isFinite);
    };
    await this.download();
    for (const { name, alias } of this.model.parameters)
      if (!(await finite(this.parameters.view(name)))) return `parameter '${alias}'`;
    const { outputs, compiled } = await this.#run('diagnose', batch, { normaliser: 1, pair_normaliser: 1 });
    // In the order of the graph, whose last values are the logits and the loss.
    const last = [...(compiled.logits === undefined ? [] : [compiled.logits]), compiled.loss!];
    const names = [...[...outputs.keys()].filter((name) => !last.includes(name)), ...last];
    for (const name of names) if (!(await finite(outputs.get(name)!))) return `value '${name}'`;
    return undefined;
  }

  /** Writes the model directory with the weights as they are now; returns the path of the ONNX file. */
  async save(directory: string, preprocessor?: SaveRequest['preprocessor']): Promise<string> {
    await this.download();
    const request: SaveRequest = { directory, arena: this.parameters.buffer, preprocessor };
    return unwrap((await this.#worker.run(request, { name: 'save' })) as Outcome<string>);
  }

  async close(): Promise<void> {
    await this.#sessions.clear();
    await this.device.close();
    await this.#worker.destroy();
  }

  async #run(mode: Mode, batch: EngineBatch, normalisers: Normalisers): Promise<Prepared> {
    const prepared = await this.#prepared(mode, batch);
    const { session, compiled, outputs } = prepared;
    const own = new Map([[keyInput, this.#key]]);
    for (const [name, value] of Object.entries(normalisers)) own.set(name, this.#normaliser(name, value));
    const inputs = new Map(
      compiled.inputs.map(({ name, dtype }) => {
        const view = own.get(name) ?? inputOf(batch, name);
        return [name, dtype === 'int32' && view.dtype === 'int64' ? this.#narrow(name, view) : view];
      }),
    );
    await session.run(inputs, outputs);
    return prepared;
  }

  #normaliser(name: string, value: number): TensorView {
    const view = this.#normalisers.get(name) ?? sharedTensor('float32', []);
    this.#normalisers.set(name, view);
    view.data[0] = value;
    return view;
  }

  /** Whole numbers of a batch as devices take them. */
  #narrow(name: string, { shape, data }: TensorView): TensorView {
    const key = `${name} [${shape}]`;
    const view = this.#narrowed.get(key) ?? sharedTensor('int32', shape);
    this.#narrowed.set(key, view);
    for (const [i, value] of (data as BigInt64Array).entries()) view.data[i] = Number(value);
    return view;
  }

  #prepared(mode: Mode, batch: EngineBatch): Promise<Prepared> {
    const { values: cut, shapes = this.#shapesOf(batch) } = batch.trunk ?? {};
    return this.#sessions.get(JSON.stringify([mode, shapes, cut]), () => this.#prepare({ mode, shapes, cut }));
  }

  #shapesOf(batch: EngineBatch): InputShapes {
    return Object.fromEntries(this.model.inputs.map(({ name }) => [name, inputOf(batch, name).shape]));
  }

  async #prepare(request: CompileRequest): Promise<Prepared> {
    const built = unwrap((await this.#worker.run(request, { name: 'build' })) as Outcome<Compiled>);
    const { model, ...compiled } = built;
    const views = (names: Iterable<string>) => new Map([...names].map((name) => [name, this.parameters.view(name)]));
    const { parameters, gradients } = this.#placed;
    const bound = [...compiled.trained, ...compiled.statistics, ...compiled.held];
    const written = [
      ...[...compiled.gradients].map(([name, value]) => [value, gradients.tensor(name)] as const),
      ...[...compiled.updates].map(([name, value]) => [value, this.averages.written(name)] as const),
    ];
    const session = await this.device.createSession({
      model,
      constants: views(compiled.constants),
      bound: { inputs: new Map(bound.map((name) => [name, parameters.tensor(name)])), outputs: new Map(written) },
    });
    const outputs = new Map(compiled.outputs.map((o) => [o.name, sharedTensor(o.dtype, o.shape)]));
    return { session, compiled, outputs };
  }
}
