// The derived training graph against PyTorch on WebGPU, in standard operators alone: loss and every gradient as on the CPU,
// and the first losses of the optimizer, whose update is a graph on the device too. One family for each thing that the
// provider lacks or has otherwise; parameters, gradients and moments lie in its buffers.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeGraph } from '#ortune/onnx/encode.js';
import type { Graph } from '#ortune/onnx/graph.js';
import { Optimizer, type OptimizerOptions } from '#ortune/optim/optimizer.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type TensorView } from '#ortune/runtime/session.js';
import {
  compileGolden,
  type Fixture,
  feedsOf,
  type Golden,
  gradientErrors,
  readGolden,
  relativeError,
} from './golden.js';
import { describeWebgpu } from './support/webgpu.js';
import { compileVision, readVisionGolden } from './vision-golden.js';

let device: Device;

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

function compileText(golden: Golden): Compiled {
  const { graph, compiled } = compileGolden(golden, 'train', new Set(), 'webgpu');
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

function compilePictures(golden: ReturnType<typeof readVisionGolden>): Compiled {
  const { graph, logits, loss, gradients } = compileVision(golden, new Set(), 'frozen', 'webgpu');
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

async function prepare({ model, graph, loss, gradients: names, feeds, fetched }: Compiled) {
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
  golden: Pick<Golden, 'parameters' | 'loss'>,
  compiled: Compiled,
  {
    options,
    ...curve
  }: { options: OptimizerOptions; lr: number; weight_decay: number; clip: number; losses: number[] },
): Promise<void> {
  const training = await prepare(compiled);
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

const texts: Fixture[] = [
  { kind: 'encoders', family: 'bert', exporter: 'torchscript' },
  { kind: 'encoders', family: 'roberta', exporter: 'torchscript' }, // GatherElements of whole numbers
  { kind: 'encoders', family: 'mpnet', exporter: 'dynamo' }, // GatherND, buckets of relative positions
  { kind: 'masked-lm', family: 'bert-pretraining', exporter: 'dynamo' },
];

// Overlapping and whole windows of maxima, transposed and depthwise convolutions, windows of attention.
const pictures = [
  'resnet-dynamo',
  'squeezenet-opset9',
  'unet-dynamo',
  'mobile-in-paddle2onnx-style-opset9',
  'vit-timm-opset17',
];

describeWebgpu('on WebGPU', () => {
  beforeAll(async () => {
    device = await openDevice('webgpu');
  });
  afterAll(() => device.close());

  it.each(texts)('$family of $kind from the $exporter exporter trains as in PyTorch', async (fixture) => {
    const golden = readGolden(fixture);
    const { betas, eps, ...curve } = golden.adamw;
    const options = { name: 'adamw', beta1: betas[0], beta2: betas[1], epsilon: eps } as const;
    await compare(golden, compileText(golden), { ...curve, options });
  });

  it.each(pictures)('%s trains as in PyTorch', async (name) => {
    const golden = readVisionGolden(name);
    const { optimizer: o } = golden;
    const options: OptimizerOptions =
      o.name === 'sgd'
        ? { name: 'sgd', momentum: o.momentum, nesterov: false }
        : { name: 'adamw', beta1: o.betas[0], beta2: o.betas[1], epsilon: o.eps };
    await compare(golden, compilePictures(golden), { ...o, options });
  });
});
