// The training run: data, engine and optimizer are opened, the loop below steps through the epochs, and the trained
// model directory is written. The loop reads top-down; what a step is lies in engine.ts and optimizer.ts.

import { EventEmitter } from 'node:events';
import { parseOptions } from '../config/options.js';
import { type TrainConfig, type TrainOptions, trainSchema } from '../config/train-schema.js';
import { type Batch, TextFeeder } from '../data/feeder.js';
import { describeRows } from '../data/rows.js';
import type { TextData } from '../data/text-data.js';
import { OrtuneError } from '../errors.js';
import type { Optimizer } from '../optim/optimizer.js';
import { type Schedule, scheduleFactor, scheduleOf } from '../optim/schedule.js';
import { openData } from './data.js';
import { Engine } from './engine.js';
import { measureEvaluation } from './evaluate.js';
import type { EvaluationEvent, StepEvent, TrainerEvents, TrainResult } from './events.js';
import { feedRatio } from './feed-ratio.js';
import { createOptimizer } from './groups.js';
import { RunDirectory } from './run-directory.js';
import { peakRssBytes, StepTimes } from './statistics.js';
import { textShape } from './text-shape.js';

type Listener<E extends keyof TrainerEvents> = (event: TrainerEvents[E]) => void;

/** Everything a run holds open. */
interface Run {
  data: TextData;
  engine: Engine;
  feeder: TextFeeder;
  optimizer: Optimizer;
  schedule: Schedule;
  directory: RunDirectory;
  times: StepTimes;
  startedMs: number;
  firstStepMs: number;
  step: number;
  epoch: number;
  epochLosses: number[];
  /** Training texts that were cut, counted in the first epoch. */
  truncated: number;
  /** The latest. */
  evaluation?: EvaluationEvent;
}

/** The work's result, or undefined where the signal aborted it. */
async function unlessAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return signal?.aborted ? undefined : await work();
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

/** Trains one model on one data set; `run` may be called once. */
export class Trainer {
  readonly config: TrainConfig;
  readonly #events = new EventEmitter();

  /** @throws UsageError for an option that is missing, unknown or out of bounds */
  constructor(options: TrainOptions) {
    this.config = parseOptions(trainSchema, options);
  }

  on<E extends keyof TrainerEvents>(event: E, listener: Listener<E>): this {
    this.#events.on(event, listener);
    return this;
  }

  off<E extends keyof TrainerEvents>(event: E, listener: Listener<E>): this {
    this.#events.off(event, listener);
    return this;
  }

  #emit<E extends keyof TrainerEvents>(event: E, payload: TrainerEvents[E]): void {
    this.#events.emit(event, payload);
  }

  /**
   * Runs to the end and writes the trained model to `output`/model. An abort finishes the step under way and writes
   * the model as it then is; before the first step it rejects with the signal's reason and writes nothing.
   * @throws UsageError, DataError, ModelError for input that cannot be used; OrtuneError when the loss is not finite
   */
  async run({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TrainResult> {
    const run = await this.#open(signal);
    try {
      return await this.#train(run, signal);
    } finally {
      await run.feeder.close();
      await run.data.close();
      await run.engine.close();
      await run.directory.close();
    }
  }

  async #train(run: Run, signal: AbortSignal | undefined): Promise<TrainResult> {
    const { config } = this;
    const { data, feeder, schedule } = run;
    for (; run.step < schedule.totalSteps && !signal?.aborted; run.epoch++) {
      const rows = data.train.rows({ batchSize: config.batchSize, seed: config.seed, epoch: run.epoch });
      run.epochLosses = [];
      let asked = performance.now();
      for await (const batch of feeder.batches(rows)) {
        await this.#step(run, batch, performance.now() - asked);
        batch.release();
        if (run.step === schedule.totalSteps || signal?.aborted) break;
        asked = performance.now();
      }
      this.#emit('epoch', { epoch: run.epoch, step: run.step });
      if (data.eval) await this.#evaluate(run, 'eval', signal);
    }
    return this.#finish(run, signal);
  }

  async #step(run: Run, batch: Batch, waitMs: number): Promise<void> {
    const { engine, optimizer, schedule, times } = run;
    const { seed, maxGradNorm, learningRate } = this.config;
    const factor = scheduleFactor(schedule, run.step);
    const started = performance.now();
    batch.slot.to('running');
    const loss = await engine.forwardBackward(batch, batch.weight, { seed, step: run.step, microStep: 0 });
    const middle = performance.now();
    if (!Number.isFinite(loss)) throw await this.#notFinite(run, batch, `the loss (${loss})`);
    if (run.step === 0) run.directory.open();
    const gradNorm = await optimizer.step(factor, maxGradNorm);
    const ended = performance.now();
    if (!Number.isFinite(gradNorm)) throw await this.#notFinite(run, batch, `the gradient norm (${gradNorm})`);
    batch.slot.to('bound');

    run.step++;
    if (run.epoch === 0) run.truncated += batch.truncated;
    run.epochLosses.push(loss);
    if (run.step === 1) run.firstStepMs = ended;
    times.add({
      length: batch.length,
      samples: batch.samples.length,
      waitMs,
      forwardBackwardMs: middle - started,
      updateMs: ended - middle,
    });
    const event: StepEvent = {
      step: run.step,
      totalSteps: schedule.totalSteps,
      epoch: run.epoch,
      loss,
      learningRate: learningRate * factor,
      gradNorm,
      samplesPerSecond: times.rate(),
      secondsLeft: times.secondsFor(schedule.totalSteps - run.step),
    };
    run.directory.record('step', event);
    this.#emit('step', event);
  }

  async #evaluate(run: Run, name: 'eval' | 'test', signal: AbortSignal | undefined): Promise<void> {
    const { engine, feeder, data, step } = run;
    const measured = await unlessAborted(signal, () =>
      measureEvaluation(engine, feeder, data[name]!, data.labels.names, { signal }),
    );
    if (!measured) return;
    const { truncated: _, ...metrics } = measured;
    const event = { name, step, metrics, best: false };
    run.evaluation = event;
    run.directory.record('evaluation', event);
    this.#emit('evaluation', event);
  }

  async #finish(run: Run, signal: AbortSignal | undefined): Promise<TrainResult> {
    const { engine, times, directory, data } = run;
    if (run.truncated > 0)
      this.#warn(run, `${run.truncated} texts were longer than ${run.feeder.layout.maxLength} tokens and were cut`);
    await engine.save(directory.model);
    this.#emit('saved', { path: directory.model });
    if (data.test) await this.#evaluate(run, 'test', signal);
    const evaluated = run.evaluation?.name === (data.test ? 'test' : 'eval') && run.evaluation.step === run.step;
    const ratio = await unlessAborted(signal, () => feedRatio(engine, run.feeder, data.train, times, signal));
    if (directory.failure) this.#warn(run, `metrics.jsonl is incomplete: ${directory.failure.message}`);
    return {
      ...(evaluated && { metrics: run.evaluation!.metrics }),
      steps: run.step,
      epochs: run.epoch,
      trainLoss: run.epochLosses.reduce((a, b) => a + b, 0) / Math.max(1, run.epochLosses.length),
      samplesPerSecond: times.rate(times.all.length),
      stepMs: times.medianMs(),
      truncated: run.truncated,
      skipped: 0,
      stoppedEarly: false,
      ...(ratio !== undefined && { feedRatio: ratio }),
      peakRssBytes: peakRssBytes(),
      seconds: (performance.now() - run.startedMs) / 1000,
      firstStepSeconds: (run.firstStepMs - run.startedMs) / 1000,
      output: directory.model,
      interrupted: signal?.aborted ?? false,
    };
  }

  async #open(signal: AbortSignal | undefined): Promise<Run> {
    const { config } = this;
    const startedMs = performance.now();
    new RunDirectory(config);
    const data = await openData(config, signal);
    let engine: Engine | undefined;
    let feeder: TextFeeder | undefined;
    try {
      engine = await Engine.open({ ...config, labels: data.labels.names }, config.batchSize);
      await data.relabel(engine.model.labels);
      feeder = new TextFeeder({
        ...config,
        ...textShape(engine.model.directory, engine.model.maxPositions, config),
        inputs: engine.model.inputs,
      });
      const optimizer = await createOptimizer(engine, config);
      const stepsPerEpoch = data.train.batches(config.batchSize);
      const totalSteps = config.maxSteps ?? config.epochs * stepsPerEpoch;
      const schedule = scheduleOf(config, totalSteps);
      signal?.throwIfAborted();
      const directory = new RunDirectory({ ...config, dropout: engine.model.dropout });
      const run: Run = {
        data,
        engine,
        feeder,
        optimizer,
        schedule,
        directory,
        times: new StepTimes(),
        startedMs,
        firstStepMs: startedMs,
        step: 0,
        epoch: 0,
        epochLosses: [],
        truncated: 0,
      };
      this.#announce(run);
      return run;
    } catch (error) {
      await feeder?.close();
      await engine?.close();
      await data.close();
      throw error;
    }
  }

  #announce({ engine, data, schedule, directory }: Run): void {
    const elements = (entries: readonly { length: number }[]) => entries.reduce((n, e) => n + e.length, 0);
    this.#emit('start', {
      model: this.config.model,
      labels: data.labels.names,
      trainable: elements(engine.model.parameters.filter((p) => p.trainable)),
      parameters: elements(engine.model.parameters),
      trainSamples: data.train.samples,
      totalSteps: schedule.totalSteps,
    });
    for (const message of [...data.notes, ...engine.model.notes]) this.#warn({ directory }, message);
  }

  #warn({ directory }: Pick<Run, 'directory'>, message: string): void {
    directory.record('warning', { message });
    this.#emit('warning', { message });
  }

  async #notFinite(run: Run, batch: Batch, what: string): Promise<OrtuneError> {
    const tensor = await run.engine.firstBadTensor(batch);
    const place = describeRows(batch);
    batch.release();
    return new OrtuneError(
      `step ${run.step + 1}, epoch ${run.epoch + 1}: ${what} is not finite. ` +
        `The batch is ${place}; first bad tensor: ${tensor ?? 'none in the forward pass, so a gradient overflowed'}. ` +
        `The weights are those before this step. Lower learningRate (${this.config.learningRate}), lengthen the warm-up, or set maxGradNorm.`,
    );
  }
}
