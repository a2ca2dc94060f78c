// The training run as its host sees it, and the loop. The loop reads top-down; what a step is lies in step.ts, where
// its batches come from in step-batches.ts, what a run holds open in run.ts.

import { checkOptions } from '../arguments.js';
import type { Control } from '../callbacks.js';
import { parseOptions } from '../config/options.js';
import { type TrainConfig, type TrainOptions, trainSchema } from '../config/train-schema.js';
import { type Given, withoutGiven } from '../data/memory/given.js';
import { describeSamples } from '../data/samples.js';
import { CallbackError, DeviceError, OrtuneError } from '../errors.js';
import type { EvaluationEvent, TrainResult, TrunkEvent } from '../events.js';
import { metricOf } from '../metrics/names.js';
import { checkOwnMetrics, isOwnMetric, type OwnMetrics, ownDirection, ownFigure } from '../metrics/own.js';
import { type Metrics, type TaskName, taskNamed } from '../tasks/tasks.js';
import { checkCallbacks, Decisions } from './decisions.js';
import { feedRatio } from './feed-ratio.js';
import { idleSteps } from './learnable.js';
import { measureRun, unlessAborted } from './measure.js';
import { smallerBatches } from './memory-check.js';
import { openRun } from './open-run.js';
import { collectOutcomes, type Emit, leaveOut, syncDue } from './outcomes.js';
import { pendingStep } from './pending-steps.js';
import { resultOf, startOf } from './result.js';
import { loadWeights, type Run, repeatedParts, stateOf, throwIfUnwritten, withLastCheckpoint } from './run.js';
import { RunEvents } from './run-events.js';
import { takeStep } from './step.js';
import { stepBatches } from './step-batches.js';
import type { StepBatches } from './taken-step.js';

/** Trains one model on one data set; `run` may be called once. `T`: the task, which the option `task` says. */
export class Trainer<T extends TaskName = TaskName> extends RunEvents<T> {
  readonly config: TrainConfig;
  readonly #given: Given;
  readonly #metrics: OwnMetrics;
  readonly #decisions: Decisions;

  /** @throws UsageError for an option that is missing, unknown or out of bounds */
  constructor(options: TrainOptions<T> & { task?: T | undefined }) {
    super();
    checkOptions(options, 'Trainer: options');
    const { callbacks = {}, metrics = {}, ...others } = options;
    checkCallbacks(callbacks);
    checkOwnMetrics(metrics);
    const { options: rest, given } = withoutGiven(others);
    this.#given = given;
    this.#metrics = metrics;
    this.#decisions = new Decisions(callbacks);
    this.config = parseOptions(trainSchema, rest);
    ownDirection('metricForBestModel', this.config.metricForBestModel, metrics);
  }

  /** What may be asked of the run at any time: to stop, save, evaluate, or change the learning rate. */
  get control(): Control {
    return this.#decisions.control;
  }

  readonly #emit: Emit = (event, payload) => {
    this.emit(event, payload);
    this.#decisions.hear(event, payload);
  };

  /**
   * Runs to the end and writes the trained model to `output`/model. An abort finishes the step under way, writes a
   * checkpoint to resume from, and the model as it then is; before the first step it rejects with the signal's reason
   * and writes nothing.
   * @throws UsageError, DataError, ModelError for input that cannot be used; OrtuneError when the loss is not finite, a
   *   worker thread is lost for good or nothing can be written; CallbackError for a callback or metric that throws,
   *   with a checkpoint of the steps so far. What it says of the last checkpoint can be relied on.
   */
  run(options: { signal?: AbortSignal | undefined } = {}): Promise<TrainResult<T>> {
    return this.begin(options, (signal) => this.#run(signal));
  }

  async #run(signal: AbortSignal): Promise<TrainResult> {
    const run = await openRun(this.config, this.#given, signal, {
      download: (event) => this.#emit('download', event),
      badSample: (sample) => this.#emit('badSample', sample),
      remark: (message) => this.#emit('warning', { message }),
      everyStep: this.#decisions.everyStep,
      metrics: this.#metrics,
    });
    try {
      this.#decisions.begin({ progress: run.progress, signal, evaluates: run.data.eval !== undefined });
      this.#announce(run);
      await this.#keepTrunk(run, signal);
      await this.#train(run, signal).catch((error) => this.#keepSteps(run, error));
      return await this.#finish(run, signal);
    } catch (error) {
      throw await withLastCheckpoint(error, run);
    } finally {
      await run.close();
    }
  }

  /** Computes what a frozen trunk makes of the data, once. */
  async #keepTrunk(run: Run, signal: AbortSignal | undefined): Promise<void> {
    const event = (event: TrunkEvent): void => {
      if (event.complete) run.directory.record('trunk', event);
      this.#emit('trunk', event);
    };
    await run.trunk.open(repeatedParts(run), { event, warn: (message) => this.#warn(run, message) }, signal);
    if (run.progress.step === 0) run.progress.truncated = run.trunk.truncated ?? 0;
  }

  async #train(run: Run, signal: AbortSignal | undefined): Promise<void> {
    const { progress } = run;
    await this.#decisions.settle();
    const stops = this.#stopAsked(run);
    if (run.length.totalSteps === 0 || (stops && progress.step === 0)) {
      run.directory.open();
      progress.evaluationDue = run.evaluationDue(0);
    }
    if (progress.evaluationDue) await this.#evaluate(run, signal);
    if (stops) this.#emit('stopped', { reason: 'callback', step: progress.step });
    if (progress.stoppedEarly || stops) return;
    const batchesOfSteps = stepBatches(run, progress.step, signal);
    for (;;) {
      const next = await unlessAborted(signal, () => batchesOfSteps.next());
      // Interrupted while it waited for a batch.
      if (!next) return this.#stop(run, signal);
      if (next.done) return;
      const batches = next.value;
      if (await this.#decisions.leavesOut(batches)) await leaveOut(run, this.#emit, batches);
      else await this.#step(run, batches, signal);
      if (progress.step % run.length.stepsPerEpoch === 0)
        this.#emit('epoch', { epoch: batches.epoch, step: progress.step });
      await this.#decisions.settle();
      const evaluates = run.evaluationDue(progress.step) || this.#decisions.take('evaluate');
      const better = evaluates && (await this.#evaluate(run, signal));
      const stops = this.#stopAsked(run);
      const saves = this.#decisions.take('save') || stops || signal?.aborted;
      if (saves || run.checkpointDue(progress.step) || (better && run.keepsBest)) await this.#checkpoint(run);
      if (!signal?.aborted && !progress.stoppedEarly && !stops) continue;
      const reason = signal?.aborted ? 'aborted' : stops ? 'callback' : 'early stopping';
      this.#emit('stopped', { reason, step: progress.step });
      // Gives back the batches that were prepared.
      await batchesOfSteps.return();
      return;
    }
  }

  /** Whether a callback, or the program, ends the run here. */
  #stopAsked(run: Run): boolean {
    run.stopped ||= this.#decisions.take('stop');
    return run.stopped;
  }

  /** A callback that throws costs no step that was taken. */
  async #keepSteps(run: Run, error: unknown): Promise<never> {
    if (!(error instanceof CallbackError) || run.progress.step === 0) throw error;
    await this.#checkpoint(run).catch((second: Error) => {
      error.message += `\nThe steps so far could not be kept: ${second.message}`;
    });
    throw error;
  }

  /** Ends a run between two steps: with a checkpoint, or with the signal's reason where there has been no step. */
  async #stop(run: Run, signal: AbortSignal | undefined): Promise<void> {
    const { step } = run.progress;
    if (step === 0) throw signal!.reason;
    await this.#checkpoint(run);
    this.#emit('stopped', { reason: 'aborted', step });
  }

  async #step(run: Run, batches: StepBatches, signal: AbortSignal | undefined): Promise<void> {
    const started = performance.now();
    const taken = await takeStep(run, batches).catch((error) => this.#keepProgress(run, batches, error));
    run.pending.push(pendingStep(batches, started, taken));
    throwIfUnwritten(run);
    run.progress.step++;
    run.progress.flops += 2 * run.engine.takeWork();
    if (syncDue(run, signal)) await collectOutcomes(run, this.#emit, batches);
  }

  /** Memory that does not suffice ends the run with a checkpoint of the steps before, and what to change. */
  async #keepProgress(run: Run, { batches, step }: StepBatches, error: unknown): Promise<never> {
    if (!(error instanceof DeviceError)) throw error;
    if (!error.exhausted) {
      error.message = `step ${step + 1}: ${error.message}`;
      throw error;
    }
    error.message = `step ${step + 1}: ${error.message}. The batch is ${batches.map(describeSamples).join('; ')}. ${await smallerBatches(run)}`;
    if (!error.weightsIntact || run.progress.step === 0) throw error;
    await this.#checkpoint(run).catch((second: Error) => {
      error.message += `\nThe weights before this step could not be kept: ${second.message}`;
    });
    throw error;
  }

  /** Evaluates, remembers the best; whether this one is it. An aborted evaluation stays due. */
  async #evaluate(run: Run, signal: AbortSignal | undefined): Promise<boolean> {
    const { metricForBestModel: name } = this.config;
    // What is asked for from outside comes without the step's outcomes.
    await collectOutcomes(run, this.#emit);
    run.progress.evaluationDue = true;
    const metrics = await this.#measure(run, 'eval', signal);
    if (!metrics) return false;
    const names = taskNamed(run.task.name).metrics(run.task.options);
    const value = isOwnMetric(name) ? ownFigure(metrics, name) : metricOf(metrics, name, names);
    const { better, stop, reduce } = run.best.add(run.progress.step, value);
    run.progress.evaluationDue = false;
    run.progress.stoppedEarly = stop;
    this.#report(run, { name: 'eval', step: run.progress.step, metrics, best: better });
    if (reduce && !stop) {
      const { reduceOnPlateauFactor: factor, reduceOnPlateauPatience: patience } = this.config;
      run.progress.learningRateFactor *= factor;
      this.#warn(run, `no better ${name} in ${patience} evaluations: the learning rate is multiplied by ${factor}`);
    }
    await this.#decisions.settle();
    return better;
  }

  /** What is to be known of the evaluation is said as a note. */
  #measure(run: Run, name: 'eval' | 'test', signal: AbortSignal | undefined): Promise<Metrics | undefined> {
    return measureRun(run, name, signal, (message) => this.#warn(run, message));
  }

  #report(run: Run, event: EvaluationEvent): void {
    if (event.name === 'eval') run.evaluation = event;
    if (event.best) run.bestEvaluation = event;
    run.directory.record('evaluation', event);
    this.#emit('evaluation', event);
  }

  /** Waits for the weights to be copied only; the checkpoint is announced when it is on disk. */
  async #checkpoint(run: Run): Promise<void> {
    const { checkpoints, best, config, progress } = run;
    const { step } = progress;
    if (run.checkpoint?.step === step) return;
    await collectOutcomes(run, this.#emit); // the signal may have come since
    await run.checkpointWritten;
    throwIfUnwritten(run);
    // A run that is resumed from here finds the lines of all its steps.
    await run.directory.flush();
    const started = performance.now();
    const keep = { limit: config.saveTotalLimit, ...(run.keepsBest && best.best && { best: best.best.step }) };
    await run.engine.download(run.optimizer).catch((error: Error) => {
      error.message = `the checkpoint of step ${step} cannot be taken: ${error.message}`;
      throw error;
    });
    const { path, written } = await checkpoints.snapshot(step, stateOf(run), keep);
    const snapshotMs = performance.now() - started;
    run.checkpointWritten = written.then(
      () => {
        run.checkpoint = { path, step };
        this.#emit('checkpoint', { step, path, snapshotMs });
      },
      (error: Error) => {
        run.checkpointFailure = error;
      },
    );
  }

  async #finish(run: Run, signal: AbortSignal | undefined): Promise<TrainResult> {
    const { engine, data, directory, progress } = run;
    if (progress.truncated > 0)
      this.#warn(run, `${progress.truncated} texts were longer than ${run.plan.maxLength} tokens and were cut`);
    if (progress.idle > 0) this.#warn(run, idleSteps(progress.idle, progress.step));
    await run.checkpointWritten;
    throwIfUnwritten(run);
    // Where every step was left out.
    if (run.firstStepMs === undefined && progress.leftOut > 0) run.directory.open();
    const { step, metrics } = await this.#chooseWeights(run, signal);
    const settled = await this.#settle(run, metrics, signal);
    const { preprocessor } = run.plan;
    const form = run.config.saveAdapter ? 'adapter' : 'model';
    await engine
      .save(directory.model, { preprocessor, settled, form }, (note) => this.#warn(run, note))
      .catch((error) => this.#keepWeights(run, step, error));
    this.#emit('saved', { path: directory.model });
    const test = data.test && (await this.#measure(run, 'test', signal));
    if (test) this.#report(run, { name: 'test', step, metrics: test, best: false });
    await this.#decisions.settle();
    await directory.flush();
    throwIfUnwritten(run);
    const ratio = await unlessAborted(signal, () => feedRatio(run, signal));
    return resultOf(run, {
      metrics: data.test ? test : metrics,
      feedRatio: ratio,
      interrupted: signal?.aborted ?? false,
    });
  }

  /**
   * What the evaluation data decide of the model that is saved, which the test data are then measured with; `metrics`:
   * of the weights that are written, where they were measured.
   */
  async #settle(run: Run, metrics: Metrics | undefined, signal: AbortSignal | undefined): Promise<object | undefined> {
    const { name, options } = run.task;
    const settle = run.data.eval && taskNamed(name).settled?.(options);
    const measured = settle && (metrics ?? (await this.#measure(run, 'eval', signal)));
    if (!measured) return undefined;
    const settled = settle(measured);
    run.task = { name, options: { ...options, ...settled } };
    return settled;
  }

  /** A model that cannot be written is no reason to lose what it has learnt: `step` is that of the engine's weights. */
  async #keepWeights(run: Run, step: number, error: unknown): Promise<never> {
    if (step !== run.progress.step || step === 0 || !(error instanceof OrtuneError)) throw error;
    await this.#checkpoint(run).catch((second: Error) => {
      error.message += `\nThe weights could not be kept in a checkpoint either: ${second.message}`;
    });
    throw error;
  }

  /** Which weights are written, those of the last step or of the best evaluation; and how they did on `eval`. */
  async #chooseWeights(
    run: Run,
    signal: AbortSignal | undefined,
  ): Promise<{ step: number; metrics?: Metrics | undefined }> {
    const { step } = run.progress;
    const best = run.best.best?.step;
    if (!run.keepsBest || signal?.aborted || best === undefined || best === step)
      return { step, metrics: run.evaluation?.step === step ? run.evaluation.metrics : undefined };
    await loadWeights(run, best);
    const known = run.bestEvaluation;
    return { step: best, metrics: known?.step === best ? known.metrics : await this.#measure(run, 'eval', signal) };
  }

  #announce(run: Run): void {
    const { engine, data, resumed, memory } = run;
    this.#emit('start', startOf(run));
    if (memory) run.directory.record('memory', { estimatedBytes: memory.estimatedBytes, ...memory.memory });
    const notes = [...engine.model.notes, ...data.notes, ...(memory?.notes ?? []), ...(run.plan.notes ?? [])];
    for (const message of notes) this.#warn(run, message);
    if (resumed) this.#emit('resumed', resumed);
  }

  #warn({ directory }: Run, message: string): void {
    directory.record('warning', { message });
    this.#emit('warning', { message });
  }
}
