// What a finished run hands back.

import type { TrainResult } from '../events.js';
import { peakRssBytes } from '../statistics.js';
import type { Metrics } from '../tasks/tasks.js';
import type { Run } from './run.js';

export interface Outcome {
  metrics: Metrics | undefined;
  feedRatio: number | undefined;
  interrupted: boolean;
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
    truncated: progress.truncated,
    skipped: progress.skipped,
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
    stoppedEarly: progress.stoppedEarly && !interrupted,
  };
}
