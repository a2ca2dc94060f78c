// Times one optimizer step of an encoder or an image network: forward, loss, backward and update of all parameters,
// beside one large matrix product of the same runtime in the same process, so that the efficiency is a ratio of two
// measurements of one machine in one state. Real steps with data are slower by what feeding costs (feedRatio of a run).

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { builtFile } from '../built.js';
import { parseOptions } from '../config/options.js';
import { type BenchStepConfig, type BenchStepOptions, benchStepSchema } from '../config/schema.js';
import { z } from '../config/zod.js';
import { Engine, type EngineBatch } from '../engine/engine.js';
import { type Outcome, unwrap } from '../errors.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { imageModels } from '../models/image-names.js';
import { parameterRanges } from '../optim/optimizer.js';
import { optimizerFields, ruleOf } from '../optim/rules.js';
import { largeProduct, productGflops, timeFittingProduct, timeProduct } from '../runtime/product.js';
import type { Device } from '../runtime/session.js';
import { median, peakRssBytes } from '../statistics.js';
import { everyTask } from '../tasks/tasks.js';
import { randomBatch } from './bench-batch.js';
import type { BenchModel } from './bench-model.js';

export interface BenchStepResult {
  /** Whole step with dropout, clipping where the optimizer clips, and the update; median, milliseconds. */
  stepMs: number;
  /** Forward and backward without dropout and optimizer. */
  forwardBackwardMs: number;
  /** Where it was measured, as 'webgpu'; of 'auto' the device that it chose. */
  device: string;
  /** Of a 2048x2048x2048 float32 product; of a smaller one on a device that takes long for it. */
  gemmGflops: number;
  /** Products and convolutions of the step per time, over gemmGflops. */
  efficiency: number;
  efficiencyForwardBackward: number;
  /** Of the process up to the end of the whole steps. */
  peakRssBytes: number;
  /** Fastest and slowest measured step. */
  stepMsRange: [number, number];
  /** Of the products and convolutions of a step, forward and backward. */
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
  const built = config.model === undefined || isImageModel(config.model);
  if (config.model !== undefined && !built) config.model = await resolveModel(config.model, resolving);
  const directory = mkdtempSync(join(tmpdir(), 'ortune-bench-'));
  try {
    const prepared = unwrap(await prepareModel({ ...config, directory }));
    return await measure(built ? directory : config.model!, config, prepared);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The name of a network to build; a file or directory that exists wins over it. */
const isImageModel = (model: string): boolean => imageModels.some((name) => name === model) && !existsSync(model);

/** What the bench needs to know of the model, which is built in `directory` unless one was named. */
async function prepareModel(options: object): Promise<Outcome<BenchModel>> {
  const script = fileURLToPath(builtFile('commands/bench-model.js'));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(options)]);
  return JSON.parse(stdout);
}

/** Without `rate` with the dropout that the model's configuration says. */
function openEngine(
  model: string,
  { threads, batchNorm, device, precision }: BenchStepConfig,
  shapes: BenchModel['shapes'],
  rate?: number,
): Promise<Engine> {
  const dropout = rate === undefined ? {} : { hidden: rate, attention: rate, head: rate };
  const inputs = Object.entries(shapes).map(([name, shape]) => ({ name, dtype: 'float32' as const, shape }));
  const { name, options } = everyTask.find((one) => one.opens?.({ inputs, config: {} })) ?? everyTask[0]!;
  const task = { name, options: options({ task: name }) };
  return Engine.open({ model, task, freeze: [], dropout, batchNorm, seed: 0, threads, device, precision });
}

async function measure(
  model: string,
  config: BenchStepConfig,
  { flops, shapes }: BenchModel,
): Promise<BenchStepResult> {
  const gigaflops = flops / 1e9;
  let engine = await openEngine(model, config, shapes, config.dropout);
  const { threads } = engine.device;
  const parameters = engine.model.parameters.reduce((n, p) => n + p.length, 0);
  const gemm: { ms: number[]; size: number }[] = [];
  try {
    const batch = randomBatch(engine, shapes, config);
    const { wholeMs, passMs, firstLoss } = await timeSteps(engine, batch, config);
    const peak = peakRssBytes();
    gemm.push(await timeGemm(engine.device));
    let bare = passMs;
    if (Object.values(engine.model.dropout).some((rate) => rate > 0)) {
      await engine.close();
      engine = await openEngine(model, config, shapes, 0);
      bare = await timePasses(engine, randomBatch(engine, shapes, config), config);
    }
    gemm.push(await timeGemm(engine.device));
    const [stepMs, forwardBackwardMs] = [median(wholeMs), median(bare)];
    const gemmGflops = median(gemm.flatMap(({ ms, size }) => ms.map((time) => productGflops(size, time))));
    const efficiency = (ms: number) => gigaflops / (ms / 1000) / gemmGflops;
    return {
      device: engine.device.name,
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

const defaults = z.object(optimizerFields).parse({});

async function timeSteps(engine: Engine, batch: EngineBatch, config: BenchStepConfig) {
  const { options, bench } = ruleOf(config.optimizer);
  const ranges = parameterRanges(engine.model.parameters, () => bench.group);
  const optimizer = await engine.createOptimizer(ranges, options(defaults));
  const wholeMs: number[] = [];
  const passMs: number[] = [];
  let firstLoss = Number.NaN;
  for (let step = 0; step < config.warmup + config.steps; step++) {
    const started = performance.now();
    await engine.forwardBackward(batch, { normaliser: config.batch }, { seed: 0, step, microStep: 0 });
    const loss = await engine.loss();
    const middle = performance.now();
    await optimizer.step(1, bench.maxGradNorm);
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
    await engine.loss();
    if (step >= config.warmup) ms.push(performance.now() - started);
  }
  return ms;
}

const gemmRuns = 5;

/** Times of a matrix product. The CPU's is always the large one, which the efficiencies of all machines refer to. */
const timeGemm = async (device: Device): Promise<{ ms: number[]; size: number }> =>
  device.ownMemory
    ? timeFittingProduct(device, gemmRuns)
    : { ms: await timeProduct(device, largeProduct, gemmRuns), size: largeProduct };
