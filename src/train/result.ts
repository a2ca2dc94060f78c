// What a run says of itself as it begins, and what it hands back when it has ended.

import type { StartEvent, TrainResult } from '../events.js';
import { peakRssBytes } from '../statistics.js';
import { type Metrics, taskNamed } from '../tasks/tasks.js';
import type { Run } from './run.js';

export interface Outcome {
  metrics: Metrics | undefined;
  feedRatio: number | undefined;
  interrupted: boolean;
}

/** The `start` event. */
export function startOf({ engine, data, length, config, memory, origin }: Run): StartEvent {
  const { model: _, augment: __, loss: ___, teacher: ____, ...samples } = origin.hashes;
  const elements = (entries: readonly { length: number }[]) => entries.reduce((n, e) => n + e.length, 0);
  return {
    model: config.model,
    labels: taskNamed(config.task).classes ? data.labels.names : [],
    trainable: elements(engine.model.parameters.filter((p) => p.trainable)),
    parameters: elements(engine.model.parameters),
    trainSamples: data.train.samples,
    samples,
    totalSteps: length.totalSteps,
    ...(memory && { estimatedBytes: memory.estimatedBytes }),
  };
}

/** The result of a run whose model has been written. */
export function resultOf(run: Run, { metrics, feedRatio, interrupted }: Outcome): TrainResult {
  const { times, trunk, directory, progress, best, length, startedMs, checkpoint } = run;
  return {
    ...(metrics && { metrics }),
    ...(best.best && { best: { ...best.best, metric: best.metric } }),
    device: run.engine.device.name,
    ...(run.traffic && { traffic: run.traffic }),
    steps: progress.step,
    epochs: Math.ceil(progress.step / length.stepsPerEpoch),
    trainLoss: progress.epochLoss.sum / Math.max(1, progress.epochLoss.steps),
    samplesPerSecond: times.rate(times.all.length),
    stepMs: times.medianMs(),
    flops: progress.flops,
    truncated: progress.truncated,
    skipped: progress.skipped,
    ...(progress.leftOut > 0 && { leftOut: progress.leftOut }),
    overflows: progress.overflows,
    badSamples: run.bad.all.length,
    notes: run.remarks.notes,
    ...(feedRatio !== undefined && { feedRatio }),
    ...(trunk.summary && { trunkCache: trunk.summary }),
    ...(run.memory && { estimatedBytes: run.memory.estimatedBytes }),
    peakRssBytes: peakRssBytes(),
    seconds: (performance.now() - startedMs) / 1000,
    firstStepSeconds: ((run.firstStepMs ?? startedMs) - startedMs) / 1000,
    output: directory.model,
    ...(checkpoint && { checkpoint: checkpoint.path }),
    interrupted,
    stoppedEarly: (progress.stoppedEarly || run.stopped) && !interrupted,
  };
}
