// What a training run says to people as it goes, a line for each event, and at its end. progress.ts shows the steps.

import type { TrainConfig } from '../config/train-schema.js';
import type { TrainerEvents, TrainResult } from '../events.js';
import { formatBytes, formatCount, formatDuration, formatNumber } from '../format.js';
import { shown } from '../quote.js';
import type { AnyMetrics } from '../tasks/tasks.js';
import { metricsLine, writtenLines } from './metrics.js';

type Described = Exclude<keyof TrainerEvents, 'download' | 'step' | 'epoch'>;
type Description<E extends Described> = (event: TrainerEvents[E], config: TrainConfig) => string | undefined;

/** The first of many, and how many more there are. */
function some(names: readonly string[], most: number): string {
  const more = names.length - most;
  return more > 0
    ? `${names
        .slice(0, most)
        .map((name) => shown(name, 60))
        .join(', ')} and ${more} more`
    : names.map((name) => shown(name, 60)).join(', ');
}

/** The line for each event that has one; undefined for an event that needs no word. */
export const describeEvent: { [E in Described]: Description<E> } = {
  start: ({ trainSamples, labels, trainable, parameters, totalSteps }) =>
    `${trainSamples} samples${labels.length > 0 ? `, labels ${some(labels, 10)}` : ''}; ` +
    `training ${formatCount(trainable)} of ${formatCount(parameters)} parameters in ${totalSteps} steps`,
  resumed: ({ path, step }) => `resumed after step ${step} from ${path}`,
  trunk: ({ data, done, samples, bytes, seconds, reused, complete }) => {
    const what = `the frozen trunk's activations of ${samples} samples (${data})`;
    if (complete)
      return `${what}: ${formatBytes(bytes)}, ${reused ? 'kept by an earlier run' : `computed in ${formatDuration(seconds)}`}`;
    return done === 0 ? `computing ${what} once: at most ${formatBytes(bytes)}` : undefined;
  },
  skipped: ({ step, reason, samples }) => `note: step ${step} left out: ${reason}. Its samples: ${some(samples, 4)}`,
  badSample: ({ place, reason }) => `note: left out: ${place}: ${reason}`,
  evaluation: ({ name, step, metrics, best }) =>
    [
      `${name} after step ${step}: ${metricsLine(metrics)}${best ? ' (best so far)' : ''}`,
      ...writtenLines((metrics as AnyMetrics).written ?? []),
    ].join('\n'),
  checkpoint: ({ path }) => `checkpoint ${path}`,
  stopped: ({ reason, step }, { metricForBestModel, earlyStoppingPatience: patience = 1 }) =>
    reason !== 'early stopping'
      ? undefined
      : `stopped early after step ${step}: no better ${metricForBestModel} in ${patience} evaluation${patience === 1 ? '' : 's'}`,
  warning: ({ message }) => `note: ${message}`,
  saved: ({ path }) => `saved ${path}`,
};

/** The figures of a run that has ended. */
export function summary(result: TrainResult): string {
  const { best, feedRatio, skipped, steps, badSamples, notes, traffic } = result;
  const feed = feedRatio === undefined ? '' : ` (${feedRatio.toFixed(2)} times one whose batch lies ready)`;
  // A run that took no step has no pace.
  const pace = Number.isFinite(result.stepMs)
    ? `${formatNumber(result.samplesPerSecond)} samples/s, ${formatNumber(result.stepMs)} ms a step${feed}, `
    : '';
  const figures = `${formatDuration(result.seconds)} in all, ${pace}at most ${formatBytes(result.peakRssBytes)} of memory`;
  return [
    ...(best ? [`best ${best.metric} ${formatNumber(best.value)} after step ${best.step}`] : []),
    ...(skipped > 0 ? [`${skipped} of ${steps} steps were not finite and left out`] : []),
    ...(badSamples > 0
      ? [
          `${badSamples} ${badSamples === 1 ? 'sample' : 'samples'} could not be used and left out: see bad-samples.jsonl`,
        ]
      : []),
    ...notes.map((note) => `note: ${note}`),
    figures,
    ...(traffic
      ? [`on ${result.device}: at most ${formatBytes(traffic.up)} up and ${formatBytes(traffic.down)} down a step`]
      : []),
    ...(result.interrupted ? [`interrupted after step ${steps}`] : []),
  ].join('\n');
}
