// What a comparison gives: a row for each strategy, and where it was written.

import type { StrategyResult } from './tabulate.js';

export interface CompareResult {
  metric: string;
  /** Of the runs that have ended; all of them, unless `interrupted`. */
  strategies: StrategyResult[];
  /** The strategy with the best mean; left out while nothing has ended. */
  best?: string;
  output: string;
  interrupted: boolean;
}
