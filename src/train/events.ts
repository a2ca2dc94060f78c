// What a trainer tells its host while it runs, by event name. Payloads are plain data.

import type { ClassificationResult } from '../metrics/classification.js';

export interface StartEvent {
  model: string;
  labels: readonly string[];
  /** Elements that are trained, and all that could be. */
  trainable: number;
  parameters: number;
  trainSamples: number;
  totalSteps: number;
}

export interface StepEvent {
  /** Optimizer steps done, from 1. */
  step: number;
  totalSteps: number;
  /** From 0. */
  epoch: number;
  /** Mean over the samples of the step. */
  loss: number;
  learningRate: number;
  /** Global norm before clipping. */
  gradNorm: number;
  /** Over the last 20 steps. */
  samplesPerSecond: number;
  secondsLeft: number;
}

export interface EvaluationEvent {
  /** Which data: 'eval' or 'test'. */
  name: string;
  step: number;
  metrics: ClassificationResult;
}

export interface TrainerEvents {
  start: StartEvent;
  step: StepEvent;
  epoch: { epoch: number; step: number };
  evaluation: EvaluationEvent;
  warning: { message: string };
  saved: { path: string };
}

export interface TrainResult {
  /** Of the test data where given, else of the evaluation data after the last epoch; none without either. */
  metrics?: ClassificationResult;
  steps: number;
  epochs: number;
  /** Mean loss of the last epoch's steps. */
  trainLoss: number;
  samplesPerSecond: number;
  /** Median, from asking for a batch to the end of the update. */
  stepMs: number;
  /** Training texts longer than maxLength or the model's positions; they were cut. */
  truncated: number;
  /** Median real step over the same step on a batch that is already there; undefined for runs too short to tell. */
  feedRatio?: number;
  peakRssBytes: number;
  seconds: number;
  /** From the start of `run` to the end of the first update. */
  firstStepSeconds: number;
  /** The model directory. */
  output: string;
  interrupted: boolean;
}
