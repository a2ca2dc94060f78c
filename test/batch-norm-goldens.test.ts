// Training by the statistics of the batch against PyTorch (fixtures/cnn, models in BATCH of make.py there): networks in the
// exports that hold every BatchNorm, on the stock runtime in standard operators and on the device. Loss, every gradient, 20
// steps of SGD with momentum, and the running averages after them.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lowerLinear } from '#ortune/lower/linear.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { div } from '#ortune/onnx/formulas.js';
import { type Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { restoreForms } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { Optimizer, parameterRanges } from '#ortune/optim/optimizer.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { RunningAverages } from '#ortune/train/running-averages.js';
import { chooseStatistics, useBatchStatistics } from '#ortune/transfer/batch-norm.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type Exporter, exporters, gradientErrors, type Place, readSafetensors, relativeError } from './golden.js';
import { openStock } from './support/onnxruntime.js';

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

/** What trains: parameters and running averages are inputs, by their names in the file. */
interface Compiled {
  graph: Graph;
  loss: Value;
  gradients: ReadonlyMap<string, Value>;
  updates: ReadonlyMap<string, Value>;
  /** Initial values of both. */
  state: Map<string, Tensor>;
  statistics: ReturnType<typeof chooseStatistics>['updated'];
}

function compile(file: string, labels: readonly number[], kernels: ReadonlySet<string>): Compiled {
  const model = openModel(file);
  const source = toGraph(model);
  const trained = chooseParameters(model, source).trainable.map(({ name }) => name);
  const { updated: statistics } = chooseStatistics(source, new Set(trained), 'batch');
  const changing = [...trained, ...statistics.map(({ name }) => name)];
  const graph = specialize(source, { x: imageShape }, { trainable: new Set(changing) });
  restoreForms(graph);
  const b = new Builder(graph);
  const updates = useBatchStatistics(b, new Set(statistics.map(({ name }) => name)));
  lowerLinear(b);
  const target = b.constant(Tensor.of('int64', labels));
  const sum = b.op('CrossEntropy', [graph.outputs[0]!.name, target], {}, { domain: 'ortune' });
  const loss = div(b, sum, labels.length);
  const gradients = backward(b, loss, trained);
  const info = (name: Value) => ({ name, ...b.type(name), shape: [...b.shape(name)] });
  graph.outputs = [loss, ...gradients.values(), ...updates.values()].map(info);
  prune(graph);
  lower(graph, kernels);
  const state = new Map(changing.map((name) => [name, graph.initializers.get(name)!]));
  for (const name of changing) {
    graph.inputs.push(info(name));
    graph.initializers.delete(name);
  }
  return { graph, loss, gradients, updates, state, statistics };
}

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
  { graph, loss, gradients, updates, state }: Compiled,
  x: Tensor,
  sgd: Golden['sgd'],
): Promise<Training> {
  const runnable = await openStock(graph);
  const velocities = new Map([...gradients.keys()].map((name) => [name, new Float64Array(state.get(name)!.size)]));
  let found: ReadonlyMap<Value, Tensor> = new Map();
  const numbers = (value: Value) => found.get(value)!.numbers();
  return {
    async run() {
      found = await runnable.run(new Map([['x', x], ...state]));
      return numbers(loss)[0]!;
    },
    gradient: (name) => (gradients.has(name) ? numbers(gradients.get(name)!) : undefined),
    async step() {
      for (const [name, value] of updates) state.set(name, found.get(value)!);
      for (const [name, velocity] of velocities) {
        const gradient = numbers(gradients.get(name)!);
        const { shape } = state.get(name)!;
        const moved = state
          .get(name)!
          .numbers()
          .map((p, i) => {
            velocity[i] = sgd.momentum * velocity[i]! + gradient[i]!;
            return p - sgd.lr * velocity[i]!;
          });
        state.set(name, Tensor.of('float32', moved, shape));
      }
    },
    average: (name) => state.get(name)!.numbers(),
    release: () => runnable.release(),
  };
}

/** Session host, kernels, optimizer and running averages as the engine has them. */
async function onDevice(
  device: Device,
  compiled: Compiled,
  x: Tensor,
  { lr, momentum }: Golden['sgd'],
): Promise<Training> {
  const { graph, loss, gradients: names, updates, state } = compiled;
  const arena = Arena.create(Arena.layout([...state].map(([name, { shape }]) => ({ name, shape }))));
  for (const [name, tensor] of state) arena.array(name).set(tensor.data() as Float32Array);
  const gradients = arena.like();
  const infos = compiled.statistics.map((s) => ({ ...arena.entry(s.name), kind: s.kind, updated: true }));
  const averages = new RunningAverages(infos, arena);
  const session = await device.createSession({
    model: encodeGraph(graph),
    bound: {
      inputs: new Map([...state.keys()].map((name) => [name, arena.view(name)])),
      outputs: new Map([
        ...[...names].map(([name, value]) => [value, gradients.view(name)] as const),
        ...[...updates].map(([name, value]) => [value, averages.written(name)] as const),
      ]),
    },
  });
  const options = { learningRate: lr, weightDecay: 0.1 };
  const group = (name: string) => (names.has(name) ? { ...options, weightDecay: 0 } : undefined);
  const ranges = parameterRanges(arena.entries, ({ name }) => group(name));
  const optimizer = await Optimizer.create(device, arena, gradients, ranges, {
    name: 'sgd',
    momentum,
    nesterov: false,
  });
  const images = sharedTensor('float32', imageShape);
  (images.data as Float32Array).set(x.data() as Float32Array);
  const result = sharedTensor('float32', []);
  return {
    async run() {
      await session.run(new Map([['x', images]]), new Map([[loss, result]]));
      return Number(result.data[0]);
    },
    gradient: (name) => (names.has(name) ? gradients.array(name) : undefined),
    async step() {
      averages.take();
      await optimizer.step(1, 0);
    },
    average: (name) => arena.array(name),
    async release() {
      await optimizer.release();
      await session.release();
    },
  };
}

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
    const kernels = where === 'device' ? device.kernels : new Set<string>();
    const compiled = compile(path(golden.files[exporter]), golden.labels, kernels);
    return where === 'device' ? onDevice(device, compiled, x, golden.sgd) : onStock(compiled, x, golden.sgd);
  };

  it.each(['stock runtime', 'device'])('gives loss and gradients of PyTorch on the %s', async (where) => {
    const training = await open(where);
    expect(relativeError([await training.run()], [golden.sgd.losses[0]!])).toBeLessThan(1e-5);
    const errors = gradientErrors({ parameters }, (name) => training.gradient(name));
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
    await training.release();
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
