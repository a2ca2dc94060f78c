// Training graphs against PyTorch on a device with memory of its own: parameters, gradients and moments in its buffers,
// the update a graph too. Compiles for the device and compares; the tests choose devices and fixtures.

import { expect } from 'vitest';
import type { DeviceKind } from '#ortune/lower/target.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import type { Graph } from '#ortune/onnx/graph.js';
import { Optimizer } from '#ortune/optim/optimizer.js';
import type { OptimizerOptions } from '#ortune/optim/rules.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import type { Device, TensorView } from '#ortune/runtime/session.js';
import { compileGolden, feedsOf, type Golden, gradientErrors, relativeError } from './golden.js';
import { compileVision, type VisionGolden } from './vision-golden.js';

/** What a session on the device is made from. */
interface Compiled {
  model: Uint8Array;
  graph: Graph;
  loss: string;
  /** Gradient by parameter. */
  gradients: ReadonlyMap<string, string>;
  feeds: ReadonlyMap<string, TensorView>;
  /** Shapes of what is fetched, the loss among it. */
  fetched: ReadonlyMap<string, readonly number[]>;
}

function compileText(golden: Golden, kind: DeviceKind): Compiled {
  const { graph, compiled } = compileGolden(golden, 'train', new Set(), kind);
  const given = feedsOf(golden);
  const feeds = new Map<string, TensorView>();
  for (const { name, dtype } of compiled.inputs) {
    const { shape, values } = given[name]!;
    const view = sharedTensor(dtype, shape);
    view.data.set(values as never);
    feeds.set(name, view);
  }
  const fetched = new Map(compiled.outputs.map(({ name, shape }) => [name, shape]));
  return { model: compiled.model, graph, loss: compiled.loss!, gradients: compiled.gradients, feeds, fetched };
}

function compilePictures(golden: VisionGolden, kind: DeviceKind): Compiled {
  const { graph, logits, loss, gradients } = compileVision(golden, new Set(), 'frozen', kind);
  const source = graph.clone();
  for (const name of gradients.keys()) {
    graph.inputs.push({ name, dtype: 'float32', shape: [...graph.shape(name)] });
    graph.initializers.delete(name);
  }
  const { name, tensor } = golden.images;
  const images = sharedTensor('float32', tensor.shape);
  images.data.set(tensor.data() as never);
  const fetched = new Map([logits, loss].map((value) => [value, graph.shape(value)]));
  return { model: encodeGraph(graph), graph: source, loss, gradients, feeds: new Map([[name, images]]), fetched };
}

async function prepare(device: Device, { model, graph, loss, gradients: names, feeds, fetched }: Compiled) {
  const trained = [...names.keys()];
  const parameters = Arena.create(
    Arena.layout(trained.map((name) => ({ name, shape: graph.initializers.get(name)!.shape }))),
  );
  for (const name of trained) parameters.array(name).set(graph.initializers.get(name)!.data() as Float32Array);
  const gradients = parameters.like();
  const [p, g] = [await device.place(parameters), await device.place(gradients)];
  const session = await device.createSession({
    model,
    bound: {
      inputs: new Map(trained.map((name) => [name, p.tensor(name)])),
      outputs: new Map([...names].map(([name, value]) => [value, g.tensor(name)])),
    },
  });
  const outputs = new Map([...fetched].map(([name, shape]) => [name, sharedTensor('float32', shape)]));
  return {
    parameters,
    gradients,
    fetch: () => g.download(),
    run: async (): Promise<number> => {
      await session.run(feeds, outputs);
      return Number(outputs.get(loss)!.data[0]);
    },
    release: () => session.release(),
  };
}

const steps = 5;

/** Loss and gradients of one run, the first losses of the optimizer, and the same bits when it is done again. */
async function compare(
  device: Device,
  golden: Pick<Golden, 'parameters' | 'loss'>,
  compiled: Compiled,
  {
    options,
    ...curve
  }: { options: OptimizerOptions; lr: number; weight_decay: number; clip: number; losses: number[] },
): Promise<void> {
  const training = await prepare(device, compiled);
  expect(relativeError([await training.run()], [golden.loss])).toBeLessThan(1e-5);
  await training.fetch();
  const errors = gradientErrors(golden, (tensor) =>
    training.gradients.has(tensor) ? training.gradients.array(tensor) : undefined,
  );
  expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
  const first = training.gradients.data.slice();
  await training.run();
  await training.fetch();
  expect(Buffer.compare(Buffer.from(training.gradients.data), Buffer.from(first))).toBe(0);

  const ranges = [
    { start: 0, end: training.parameters.data.length, learningRate: curve.lr, weightDecay: curve.weight_decay },
  ];
  const { parameters, gradients } = training;
  const optimizer = await Optimizer.create(device, parameters, gradients, ranges, options);
  for (const [step, expected] of curve.losses.slice(0, steps).entries()) {
    expect(relativeError([await training.run()], [expected]), `loss before step ${step + 1}`).toBeLessThan(1e-3);
    await optimizer.step(1, curve.clip);
  }
  await optimizer.release();
  await training.release();
}

/** A text fixture: as PyTorch, with its AdamW. */
export async function compareText(device: Device, golden: Golden): Promise<void> {
  const { betas, eps, ...curve } = golden.adamw;
  const options = { name: 'adamw', beta1: betas[0], beta2: betas[1], epsilon: eps } as const;
  await compare(device, golden, compileText(golden, device.kind), { ...curve, options });
}

/** A fixture of pictures, with its optimizer. */
export async function comparePictures(device: Device, golden: VisionGolden): Promise<void> {
  const { optimizer: o } = golden;
  const options: OptimizerOptions =
    o.name === 'sgd'
      ? { name: 'sgd', momentum: o.momentum, nesterov: false }
      : { name: 'adamw', beta1: o.betas[0], beta2: o.betas[1], epsilon: o.eps };
  await compare(device, golden, compilePictures(golden, device.kind), { ...o, options });
}
