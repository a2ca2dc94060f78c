// What the thread that judges data is asked for, and what it answers.

import type { Table } from '../data/table.js';
import type { LabelIssue } from './confident-learning.js';
import type { CurvePoint } from './cross-validation.js';
import type { Spread } from './spread.js';

export interface SameRequest {
  /** Training data first. */
  tables: readonly Table[];
}

/** What a row of the tables, counted through, is a copy of: the first such row; itself where there is none before. */
export type Same = Uint32Array;

export interface ProbeRequest {
  /** [rows, size] */
  features: Float32Array;
  size: number;
  /** Class of each row. */
  labels: Int32Array;
  classes: number;
  seed: number;
}

export interface WordsRequest extends Omit<ProbeRequest, 'features' | 'size'> {
  /** Holds the texts. */
  table: Table;
  /** The sample of each row. */
  samples: Uint32Array;
}

/** How a classifier does on samples that it has not learnt from. */
export interface Judged {
  /** Share that is right, over all rows. */
  accuracy: number;
  /** The last point is of 4 of 5 folds. */
  curve: CurvePoint[];
  issues: LabelIssue[];
  /** Of labels that were exchanged to try it, the share that was found; left out where none were. */
  foundOfPlanted?: number;
  /** Of features. */
  spread?: Spread;
}
