// Training by the statistics of the batch against PyTorch (fixtures/cnn, models in BATCH of make.py there): networks in
// the exports that hold every BatchNorm, on the stock runtime in standard operators and on the device. Loss, every
// gradient, 20 steps of SGD with momentum, and the running averages after them.

import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '#ortune/compile/compile.js';
import type { Compiled } from '#ortune/compile/protocol.js';
import { RunningStatistics } from '#ortune/engine/running-statistics.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { Optimizer, parameterRanges } from '#ortune/optim/optimizer.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type TensorView } from '#ortune/runtime/session.js';
import { Trainer } from '#ortune/train/trainer.js';
import { chooseStatistics, type Statistic } from '#ortune/transfer/batch-norm.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type Exporter, exporters, gradientErrors, type Place, readSafetensors, relativeError } from './golden.js';
import { openStockModel } from './support/onnxruntime.js';
import { temporaryDirectory } from './support/temporary.js';

interface Entry {
  name: string;
  shape: number[];
  in: Record<Exporter, Place>;
}

interface Golden {
  files: Record<Exporter, string>;
  labels: number[];
  sgd: { lr: number; momentum: number; losses: number[] };
  statistics: Entry[];
  parameters: Entry[];
}

const path = (file: string): string => fileURLToPath(new URL(`./fixtures/cnn/${file}`, import.meta.url));
const fixtures = ['residual', 'mobile'].flatMap((model) => exporters.map((exporter) => ({ model, exporter })));
const imageShape = [8, 3, 16, 16];

/** The training graph, with the initial values of parameters and running averages, which are inputs by their names. */
interface CompiledSession {
  compiled: Compiled;
  state: Map<string, Tensor>;
  statistics: readonly Statistic[];
}

function prepare(file: string, kernels: ReadonlySet<string>): CompiledSession {
  const model = openModel(file);
  const graph = toGraph(model);
  const trained = new Set(chooseParameters(model, graph).trainable.map(({ name }) => name));
  const { updated: statistics } = chooseStatistics(graph, trained, 'batch');
  const compiled = compile(
    graph,
    { mode: 'train', shapes: { x: imageShape } },
    {
      ...{ trained, statistics: new Set(statistics.map(({ name }) => name)), frozen: new Set<string>() },
      task: { name: 'image-classification', options: { targets: 'class' } },
      ...{ dropout: { hidden: 0, attention: 0, head: 0 }, labelSmoothing: 0, family: '', kernels },
    },
  );
  const names = [...compiled.trained, ...compiled.statistics];
  return { compiled, statistics, state: new Map(names.map((name) => [name, graph.initializers.get(name)!])) };
}

/** The mean cross-entropy of the images. */
const feedsOf = (x: Tensor, labels: readonly number[]): Map<string, Tensor> =>
  new Map([
    ['x', x],
    ['labels', Tensor.of('int64', labels)],
    [
      'sample_weights',
      Tensor.of(
        'float32',
        labels.map(() => 1),
      ),
    ],
    ['normaliser', Tensor.scalar('float32', labels.length)],
  ]);

interface Training {
  /** Forward and backward: the loss. */
  run(): Promise<number>;
  gradient(name: string): ArrayLike<number> | undefined;
  /** Takes the averages over and updates the parameters. */
  step(): Promise<void>;
  average(name: string): ArrayLike<number>;
  release(): Promise<void>;
}

/** Standard operators on the stock runtime, the update in float64. */
async function onStock(
  { compiled, state }: CompiledSession,
  feeds: Map<string, Tensor>,
  sgd: Golden['sgd'],
): Promise<Training> {
  const { model, loss, gradients, updates } = compiled;
  const runnable = await openStockModel(model);
  const velocities = new Map([...gradients.keys()].map((name) => [name, new Float64Array(state.get(name)!.size)]));
  let found: ReadonlyMap<string, Tensor> = new Map();
  const numbers = (value: string) => found.get(value)!.numbers();
  return {
    async run() {
      found = await runnable.run(new Map([...feeds, ...state]));
      return numbers(loss!)[0]!;
    },
    gradient: (name) => (gradients.has(name) ? numbers(gradients.get(name)!) : undefined),
    async step() {
      for (const [name, value] of updates) state.set(name, found.get(value)!);
      for (const [name, velocity] of velocities) {
        const gradient = numbers(gradients.get(name)!);
        const before = state.get(name)!;
        const moved = before.numbers().map((p, i) => {
          velocity[i] = sgd.momentum * velocity[i]! + gradient[i]!;
          return p - sgd.lr * velocity[i]!;
        });
        state.set(name, Tensor.of('float32', moved, before.shape));
      }
    },
    average: (name) => state.get(name)!.numbers(),
    release: () => runnable.release(),
  };
}

function sharedCopy(tensor: Tensor): TensorView {
  const copy = sharedTensor(tensor.dtype, tensor.shape);
  copy.data.set(tensor.data() as never);
  return copy;
}

/** Session host, kernels, optimizer and running averages as the engine has them. */
async function onDevice(
  prepared: CompiledSession,
  feeds: Map<string, Tensor>,
  { lr, momentum }: Golden['sgd'],
): Promise<Training> {
  const { compiled, state, statistics } = prepared;
  const { model, loss, gradients: names, updates } = compiled;
  const arena = Arena.create(Arena.layout([...state].map(([name, { shape }]) => ({ name, shape }))));
  for (const [name, tensor] of state) arena.array(name).set(tensor.data() as Float32Array);
  const gradients = arena.like();
  const infos = statistics.map(({ name, kind }) => ({ ...arena.entry(name), kind, updated: true }));
  const averages = await RunningStatistics.create(device, infos, arena);
  const session = await device.createSession({
    model,
    bound: {
      inputs: new Map([...state.keys()].map((name) => [name, arena.view(name)])),
      outputs: new Map([
        ...[...names].map(([name, value]) => [value, gradients.view(name)] as const),
        ...[...updates].map(([name, value]) => [value, averages.written(name)] as const),
      ]),
    },
  });
  const options = { learningRate: lr, weightDecay: 0 };
  const ranges = parameterRanges(arena.entries, ({ name }) => (names.has(name) ? options : undefined));
  const optimizer = await Optimizer.create(device, arena, gradients, ranges, {
    name: 'sgd',
    momentum,
    nesterov: false,
  });
  const inputs = new Map([...feeds].map(([name, tensor]) => [name, sharedCopy(tensor)]));
  const result = sharedTensor('float32', []);
  return {
    async run() {
      await session.run(inputs, new Map([[loss!, result]]));
      return Number(result.data[0]);
    },
    gradient: (name) => (names.has(name) ? gradients.array(name) : undefined),
    async step() {
      await averages.take();
      await optimizer.step(1, 0);
    },
    average: (name) => arena.array(name),
    async release() {
      await optimizer.release();
      await session.release();
    },
  };
}

const root = temporaryDirectory('batch-norm');

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

describe.each(fixtures)('$model by $exporter with the statistics of the batch', ({ model, exporter }) => {
  const golden: Golden = JSON.parse(readFileSync(path(`${model}-batch.golden.json`), 'utf8'));
  const values = readSafetensors(path(`${model}-batch.golden.safetensors`));
  const x = Tensor.of('float32', values.get('x')!, imageShape);
  const parameters = golden.parameters.map(({ name, shape, in: places }) => {
    return { name, shape, gradient: values.get(`gradient.${name}`)!, places: [places[exporter]] };
  });
  const open = (where: string): Promise<Training> => {
    const onOurs = where === 'device';
    const prepared = prepare(path(golden.files[exporter]), onOurs ? device.kernels : new Set());
    return (onOurs ? onDevice : onStock)(prepared, feedsOf(x, golden.labels), golden.sgd);
  };

  it.each(['stock runtime', 'device'])('gives loss and gradients of PyTorch on the %s', async (where) => {
    const training = await open(where);
    expect(relativeError([await training.run()], [golden.sgd.losses[0]!])).toBeLessThan(1e-5);
    const errors = gradientErrors({ parameters }, (name) => training.gradient(name));
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
    await training.release();
  });

  it('trains through the trainer to the same losses and averages, leaving out what is no whole batch', async () => {
    const { lr, momentum, losses } = golden.sgd;
    const pixels = values.get('x')!;
    const output = mkdtempSync(join(root, `${model}-${exporter}-`));
    const trainer = new Trainer({
      model: path(golden.files[exporter]),
      // Three pictures more than the batch, which never come to their turn.
      train: {
        pixels: Float32Array.from([...pixels, ...pixels.subarray(0, (3 * pixels.length) / 8)]),
        shape: [11, 3, 16, 16],
        labels: [...golden.labels, 0, 1, 2],
        labelNames: ['a', 'b', 'c', 'd', 'e'],
      },
      ...{ output, batchSize: 8, epochs: losses.length, sampling: 'sequential', dropout: 0 },
      ...{ optimizer: 'sgd', learningRate: lr, momentum, weightDecay: 0, maxGradNorm: 0 },
      ...{ schedule: 'constant', warmupRatio: 0, threads: 2, overwrite: true },
    });
    const found: number[] = [];
    trainer.on('step', ({ loss }) => found.push(loss));
    const result = await trainer.run();
    expect(relativeError(found, losses)).toBeLessThan(1e-3);
    const { initializers } = toGraph(openModel(join(result.output, 'onnx', 'model.onnx')));
    for (const { name, in: places } of golden.statistics)
      expect(relativeError(initializers.get(places[exporter].name)!.numbers(), values.get(name)!), name).toBeLessThan(
        1e-5,
      );
  });

  it.each(['stock runtime', 'device'])('follows 20 steps of SGD, and their averages, on the %s', async (where) => {
    const training = await open(where);
    for (const [step, expected] of golden.sgd.losses.entries()) {
      expect(relativeError([await training.run()], [expected]), `loss before step ${step + 1}`).toBeLessThan(1e-3);
      await training.step();
    }
    for (const { name, in: places } of golden.statistics)
      expect(relativeError(training.average(places[exporter].name), values.get(name)!), name).toBeLessThan(1e-5);
    await training.release();
  });
});
