// Times one optimizer step of an encoder: forward, loss, backward, clipping and AdamW over all parameters, beside one
// large matrix product of the same runtime in the same process, so that the efficiency is a ratio of two measurements of
// one machine in one state. Real steps with data are slower by what feeding costs (feedRatio of a run).

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseOptions } from '../config/options.js';
import { type BenchStepConfig, type BenchStepOptions, benchStepSchema } from '../config/schema.js';
import { type Outcome, unwrap } from '../errors.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { Builder } from '../onnx/builder.js';
import type { DataType } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';
import { parameterRanges } from '../optim/optimizer.js';
import { uniform } from '../random.js';
import { sharedTensor } from '../runtime/arena.js';
import type { Device, TensorView } from '../runtime/session.js';
import { Engine, type EngineBatch } from './engine.js';
import { median, peakRssBytes } from './statistics.js';

export interface BenchStepResult {
  /** Whole step with dropout, clipping and AdamW; median, milliseconds. */
  stepMs: number;
  /** Forward and backward without dropout and optimizer. */
  forwardBackwardMs: number;
  /** Of a 2048x2048x2048 float32 product. */
  gemmGflops: number;
  /** Matrix-product work of the step per time, over gemmGflops. */
  efficiency: number;
  efficiencyForwardBackward: number;
  /** Of the process up to the end of the whole steps. */
  peakRssBytes: number;
  /** Fastest and slowest measured step. */
  stepMsRange: [number, number];
  gigaflops: number;
  parameters: number;
  firstLoss: number;
  threads: number;
  cpu: string;
}

/** @throws UsageError for options out of bounds; ModelError for a model that does not train */
export async function benchStep(
  options: BenchStepOptions = {},
  resolving: ResolveOptions = {},
): Promise<BenchStepResult> {
  const config = parseOptions(benchStepSchema, options);
  if (config.model !== undefined) config.model = await resolveModel(config.model, resolving);
  const directory = mkdtempSync(join(tmpdir(), 'ortune-bench-'));
  try {
    const flops = unwrap(await prepareModel({ ...config, directory }));
    return await measure(config.model ?? directory, config, (3 * flops) / 1e9);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Floating-point operations of the forward pass of the model, which is built in `directory` unless one was named. */
async function prepareModel(options: object): Promise<Outcome<number>> {
  const script = fileURLToPath(new URL('./bench-model.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(options)]);
  return JSON.parse(stdout);
}

const openEngine = (model: string, config: BenchStepConfig, rate: number): Promise<Engine> => {
  const dropout = { hidden: rate, attention: rate, head: rate };
  return Engine.open({ model, freeze: [], dropout, seed: 0, threads: config.threads });
};

async function measure(model: string, config: BenchStepConfig, gigaflops: number): Promise<BenchStepResult> {
  let engine = await openEngine(model, config, config.dropout);
  const { threads } = engine.device;
  const parameters = engine.model.parameters.reduce((n, p) => n + p.length, 0);
  const gemm: number[] = [];
  try {
    const batch = randomBatch(engine, config);
    const { wholeMs, passMs, firstLoss } = await timeSteps(engine, batch, config);
    const peak = peakRssBytes();
    gemm.push(...(await timeGemm(engine.device)));
    if (config.dropout > 0) {
      await engine.close();
      engine = await openEngine(model, config, 0);
    }
    const bare = config.dropout > 0 ? await timePasses(engine, randomBatch(engine, config), config) : passMs;
    gemm.push(...(await timeGemm(engine.device)));
    const [stepMs, forwardBackwardMs, gemmMs] = [median(wholeMs), median(bare), median(gemm)];
    const gemmGflops = (2 * gemmSize ** 3) / 1e6 / gemmMs;
    const efficiency = (ms: number) => gigaflops / (ms / 1000) / gemmGflops;
    return {
      stepMs,
      forwardBackwardMs,
      gemmGflops,
      efficiency: efficiency(stepMs),
      efficiencyForwardBackward: efficiency(forwardBackwardMs),
      peakRssBytes: peak,
      stepMsRange: [Math.min(...wholeMs), Math.max(...wholeMs)],
      gigaflops,
      parameters,
      firstLoss,
      threads,
      cpu: cpus()[0]?.model ?? 'unknown CPU',
    };
  } finally {
    await engine.close();
  }
}

async function timeSteps(engine: Engine, batch: EngineBatch, config: BenchStepConfig) {
  const ranges = parameterRanges(engine.model.parameters, () => ({ learningRate: 1e-4, weightDecay: 0.01 }));
  const adamw = { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
  const optimizer = await engine.createOptimizer(ranges, adamw);
  const wholeMs: number[] = [];
  const passMs: number[] = [];
  let firstLoss = Number.NaN;
  for (let step = 0; step < config.warmup + config.steps; step++) {
    const started = performance.now();
    const loss = await engine.forwardBackward(batch, { normaliser: config.batch }, { seed: 0, step, microStep: 0 });
    const middle = performance.now();
    await optimizer.step(1, 1);
    const ended = performance.now();
    if (step === 0) firstLoss = loss;
    if (step < config.warmup) continue;
    passMs.push(middle - started);
    wholeMs.push(ended - started);
  }
  await optimizer.release();
  return { wholeMs, passMs, firstLoss };
}

async function timePasses(engine: Engine, batch: EngineBatch, config: BenchStepConfig): Promise<number[]> {
  const ms: number[] = [];
  for (let step = 0; step < config.warmup + config.steps; step++) {
    const started = performance.now();
    await engine.forwardBackward(batch, { normaliser: config.batch }, { seed: 0, step, microStep: 0 });
    if (step >= config.warmup) ms.push(performance.now() - started);
  }
  return ms;
}

function randomBatch(engine: Engine, { batch, seq, vocabulary }: BenchStepConfig): EngineBatch {
  const labels = Math.max(2, engine.model.labels.length);
  const filled = (dtype: DataType, shape: number[], value: (i: number) => number): TensorView => {
    const view = sharedTensor(dtype, shape);
    const data = view.data as unknown as (number | bigint)[];
    for (let i = 0; i < elementCount(shape); i++) data[i] = dtype === 'int64' ? BigInt(value(i)) : value(i);
    return view;
  };
  const words = engine.model.parameters.find((p) => p.alias.endsWith('word_embeddings.weight'))?.shape[0] ?? vocabulary;
  const fillings: Record<string, (i: number) => number> = {
    input_ids: (i) => Math.floor(words * uniform(0, 0, i)),
    attention_mask: () => 1,
    token_type_ids: () => 0,
  };
  const inputs = new Map<string, TensorView>();
  for (const { name, dtype } of engine.model.inputs)
    if (fillings[name]) inputs.set(name, filled(dtype, [batch, seq], fillings[name]));
  inputs.set(
    'labels',
    filled('int64', [batch], (i) => i % labels),
  );
  inputs.set(
    'sample_weights',
    filled('float32', [batch], () => 1),
  );
  return { inputs };
}

const gemmSize = 2048;

/** Milliseconds of the runtime's own large float32 product, five runs after two that warm up. */
async function timeGemm(device: Device): Promise<number[]> {
  const shape = [gemmSize, gemmSize];
  const graph = new Graph();
  for (const name of ['a', 'b']) {
    graph.inputs.push({ name, dtype: 'float32', shape });
    graph.types.set(name, { dtype: 'float32', shape });
  }
  const y = new Builder(graph).op('MatMul', ['a', 'b']);
  graph.outputs.push({ name: y, dtype: 'float32', shape });
  const session = await device.createSession({ model: encodeGraph(graph) });
  const [a, b, c] = [0, 1, 2].map(() => sharedTensor('float32', shape)) as [TensorView, TensorView, TensorView];
  for (const { data } of [a, b]) for (let i = 0; i < data.length; i++) data[i] = (i % 1013) / 1013;
  const inputs = new Map([
    ['a', a],
    ['b', b],
  ]);
  const ms: number[] = [];
  for (let run = 0; run < 7; run++) {
    const started = performance.now();
    await session.run(inputs, new Map([[y, c]]));
    if (run >= 2) ms.push(performance.now() - started);
  }
  await session.release();
  return ms;
}
