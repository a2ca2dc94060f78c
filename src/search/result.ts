// What a search gives: its trials, the best one, and what the options matter.

import type { Chosen } from './trials.js';

export interface TrialResult {
  name: string;
  /** Its options of the space; null: left out. */
  chosen: Chosen;
  /** The metric of the evaluation data, after `steps`; left out for a trial that failed. */
  value?: number;
  /** Optimizer steps from its beginning. */
  steps: number;
  /** That it took, with halving in all rungs. */
  seconds: number;
  /** Why it has no value: it diverged. */
  failed?: string;
}

export interface BestTrial {
  name: string;
  chosen: Chosen;
  /** Optimistic: the evaluation data chose it. */
  value: number;
  /** The model directory, or the adapter; left out where another trial was the best when it ended. */
  output?: string;
  /** A configuration of `ortune train` with the options of the trial, of the whole length. */
  config: string;
  /** The metric of the `test` data, which chose nothing. */
  test?: number;
}

export interface SearchResult {
  metric: string;
  /** The best first; with halving those of more steps before others. */
  trials: TrialResult[];
  /** Left out while no trial has a value. */
  best?: BestTrial;
  /** By option, from 0 to 1: see importance.ts. */
  importance: Record<string, number>;
  /** Optimizer steps that were taken for all trials that have a value. */
  steps: number;
  /** With halving: whether trials went on from their checkpoints, or why they were begun anew. */
  halving?: { goesOn: true } | { goesOn: false; reason: string };
  output: string;
  interrupted: boolean;
}
