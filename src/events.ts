// The events of a running trainer, by event name. Payloads are plain data.

import type { DownloadEvent } from './models/hub.js';
import type { Traffic } from './runtime/session.js';
import type { MetricsOf, TaskName } from './tasks/tasks.js';
import type { SkippedSample } from './train/bad-samples.js';

export interface StartEvent {
  model: string;
  labels: readonly string[];
  /** Elements that are trained, and all that could be. */
  trainable: number;
  parameters: number;
  trainSamples: number;
  /** SHA-256 of the samples to train and to evaluate on. */
  samples: { train: string; eval?: string };
  totalSteps: number;
  /** Of memory that the run will need, about: on a device, and where memoryLimit is set. */
  estimatedBytes?: number;
}

export interface StepEvent {
  /** Optimizer steps done, from 1. */
  step: number;
  totalSteps: number;
  /** From 0. */
  epoch: number;
  /** Mean over the samples of the step, by their weights. */
  loss: number;
  learningRate: number;
  /** Global norm before clipping. */
  gradNorm: number;
  /** What the loss was multiplied by for its gradients; with precision float16 alone. */
  lossScale?: number;
  /** Over the last 20 steps. */
  samplesPerSecond: number;
  secondsLeft: number;
  /** Bytes that went to the device for the step and came back; none on the CPU, which computes in the host's memory. */
  traffic?: Traffic;
}

/** Activations of a frozen trunk, computed once for all epochs. */
export interface TrunkEvent {
  /** Of which data. */
  data: 'train' | 'eval';
  /** Samples done, of how many. */
  done: number;
  samples: number;
  /** On disk so far; before the first sample what it will be at most. */
  bytes: number;
  seconds: number;
  /** They were there already. */
  reused: boolean;
  /** The last event of this data. */
  complete: boolean;
}

/** A step that was left out because its loss or gradient was not finite, or overflowed float16; or by a callback. */
export interface SkippedEvent {
  step: number;
  epoch: number;
  reason: string;
  /** Where its samples are: 'file:line'. */
  samples: readonly string[];
}

/** `T`: the task, where it is known. */
export interface EvaluationEvent<T extends TaskName = TaskName> {
  /** Which data: 'eval' or 'test'. */
  name: 'eval' | 'test';
  step: number;
  metrics: MetricsOf<T>;
  /** Better than every earlier evaluation by metricForBestModel; never for test data. */
  best: boolean;
}

export interface CheckpointEvent {
  step: number;
  /** Its directory, whole and on disk. */
  path: string;
  /** How long the loop waited for its weights to be copied. */
  snapshotMs: number;
}

export interface TrainerEvents<T extends TaskName = TaskName> {
  /** Before `start`, while a model of the hub is downloaded. */
  download: DownloadEvent;
  start: StartEvent;
  /** After `start`, when the run goes on from a checkpoint. */
  resumed: { path: string; step: number };
  /** Before the first step, where there is a frozen trunk: as its activations are computed, and when all are there. */
  trunk: TrunkEvent;
  step: StepEvent;
  skipped: SkippedEvent;
  /** A picture cannot be decoded and is left out; once for each, however often it comes. */
  badSample: SkippedSample;
  epoch: { epoch: number; step: number };
  evaluation: EvaluationEvent<T>;
  checkpoint: CheckpointEvent;
  /** The run ends before its last step. */
  stopped: { reason: 'early stopping' | 'aborted' | 'callback'; step: number };
  warning: { message: string };
  saved: { path: string };
}

export interface TrainResult<T extends TaskName = TaskName> {
  /** Of the test data where given, else of the evaluation data for the weights written; none without either. */
  metrics?: MetricsOf<T>;
  /** The best evaluation, where there were any. */
  best?: { step: number; metric: string; value: number };
  /** Where it was trained: cpu, webgpu, cuda:0. */
  device: string;
  /** Most bytes that went to the device for one step, and came back; none on the CPU. */
  traffic?: Traffic;
  steps: number;
  epochs: number;
  /** Mean loss of the last epoch's steps. */
  trainLoss: number;
  samplesPerSecond: number;
  /** Median, from the request for a batch to the end of the update. */
  stepMs: number;
  /**
   * Floating-point operations of training, forward and backward: those of the products and convolutions of its graphs,
   * two for a multiply-add, padding included.
   */
  flops: number;
  /** Training texts longer than maxLength or the model's positions; they were cut. */
  truncated: number;
  /** Steps left out because they were not finite. */
  skipped: number;
  /** Steps that a callback left out, where there are any. */
  leftOut?: number;
  /** Steps left out because gradients overflowed float16; the loss is scaled by less from there on. */
  overflows: number;
  /** Samples that could not be used and were left out, as bad-samples.jsonl of the run lists them. */
  badSamples: number;
  /** What is to be known of the pictures, with their numbers. */
  notes: readonly string[];
  /** Median real step over the same step on a batch that is already there; undefined for runs that are too short. */
  feedRatio?: number;
  /** The activations of a frozen trunk that were kept, where any were. */
  trunkCache?: {
    /** On disk. */
    bytes: number;
    samples: number;
    /** That computing or finding them took. */
    seconds: number;
    /** All of them were there already. */
    reused: boolean;
  };
  /** As the `start` event had it. */
  estimatedBytes?: number;
  peakRssBytes: number;
  seconds: number;
  /** From the start of `run` to the end of the first update. */
  firstStepSeconds: number;
  /** The model directory. */
  output: string;
  /** The latest checkpoint, where one was written: what the run can be resumed from. */
  checkpoint?: string;
  /** Aborted by the signal. */
  interrupted: boolean;
  /** By early stopping, or by a callback. */
  stoppedEarly: boolean;
}
