// What advice consists of: the figures, and the sentences that rest on them.

import type { CurvePoint } from './cross-validation.js';
import type { Way } from './outlook.js';
import type { Trials } from './short-runs.js';
import type { Spread } from './spread.js';

/** What the data say of themselves. */
export interface DataFacts {
  samples: number;
  /** In the order of the classes. */
  classes: { name: string; samples: number }[];
  duplicates: {
    /** Training samples that repeat an earlier one, and those of them with another label. */
    within: number;
    contradicting: number;
    /** Samples of the other data that are in the training data too. */
    eval?: number;
    test?: number;
  };
  /** Pairs of equal training samples with different labels, where they are. */
  contradictions: { place: string; label: string; same: string; otherLabel: string }[];
}

/** How a linear classifier does on samples that it has not learnt from. */
export interface Reach {
  accuracy: number;
  /** Of the accuracy: binomial, √(a(1 − a) / samples). */
  standardError: number;
  samples: number;
  /** Ascending; the last point is of four fifths of the samples. */
  curve: CurvePoint[];
}

export interface FeatureReach extends Reach {
  /** Numbers of a sample. */
  size: number;
  /** How far the samples are apart in them. */
  spread: Spread;
}

/** A training sample whose label is likely wrong. */
export interface IssueRow {
  /** 'file:line', or the path of a picture. */
  place: string;
  given: string;
  suggested: string;
  /** Probability of the given label less the highest of another. */
  margin: number;
}

export interface LabelIssues {
  /** Samples that were judged, by the model's features. */
  judged: number;
  /** The likeliest first. */
  rows: IssueRow[];
  /** Of labels that were exchanged at random for the trial, 5 %, the share that was found. */
  foundOfPlanted: number;
  /** The least share of wrong labels among the rows if 5 % of all were wrong. */
  leastPrecision: number;
  /** Whether the rows are worth looking at. */
  reliable: boolean;
}

export interface Advice {
  model: string;
  task: string;
  data: DataFacts;
  /** Of the model's features as they are; or why there are none. */
  features: FeatureReach | { missing: string };
  /** Of texts here and there: their tokens, and those of them that the model's vocabulary does not have. */
  tokens?: { texts: number; tokens: number; unknown: number };
  /** Of the words of texts. */
  words?: Reach;
  /** Left out where the model has no features to judge by. */
  labelIssues?: LabelIssues;
  /** Short runs of the ways to use the model; or why there are none. */
  trials: Trials | { missing: string };
  /** The way to take, of those that were tried; left out where none was. */
  choice?: Way;
  /** run.yaml in `output`: what `ortune train` takes for the best way that trains. */
  config?: string;
  /** The advice in words. */
  sentences: string[];
  seconds: number;
  /** The directory with advice.json and label-issues.jsonl. */
  output: string;
}
