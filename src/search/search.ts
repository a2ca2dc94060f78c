// A search: trials of a space, run one after the other by the series that a comparison is run by. What has been run is
// not run again; which trials go on follows from the records alone.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkHooks, checkOptions } from '../arguments.js';
import { type EndedRecord, Series } from '../compare/series.js';
import { parseOptions } from '../config/options.js';
import { metricOfSearch, type SearchConfig, type SearchOptions, searchSchema } from '../config/search-schema.js';
import { lessIsBetter } from '../metrics/names.js';
import { lockRun } from '../train/run-directory.js';
import type { Trainer } from '../train/trainer.js';
import { modelOf, removeWeights, testOf, write } from './best.js';
import { type Rung, rungsOf } from './halving.js';
import { importanceOf } from './importance.js';
import { continues, type TrialRun, trialOptions, trialRun } from './plan.js';
import type { BestTrial, SearchResult, TrialResult } from './result.js';
import { type Chosen, type Trial, trialsOf } from './trials.js';

/** One run of a search, as the hooks receive it. */
export interface SearchedTrial {
  name: string;
  chosen: Chosen;
  /** From 1. */
  number: number;
  /** Runs in all; with halving a trial has one in each rung that it reaches. */
  of: number;
  /** With halving: steps of the run, from the trial's beginning. */
  steps?: number;
}

export interface SearchHooks {
  /**
   * An abort ends the search after the step under way; called again with the same options, without overwrite, it goes
   * on.
   */
  signal?: AbortSignal | undefined;
  /** Before a run: the place to listen to its trainer. Not called for a run that had been done earlier. */
  onRun?: (trial: SearchedTrial, trainer: Trainer) => void;
  /** After a run, also one that had been done earlier (`known`), with all that has been found so far. */
  onResult?: (trial: SearchedTrial, result: TrialResult & { known: boolean }, soFar: SearchResult) => void;
}

/** A trial as far as it has run. */
interface Ended {
  trial: Trial;
  run: TrialRun;
  record: EndedRecord;
  rung: number;
  /** Seconds of its runs in the rungs before. */
  earlier: number;
  /** The metric in the first rung, where all trials have the same steps; NaN where it failed. */
  first: number;
}

/**
 * Runs the trials of a space, chooses the best by the evaluation data, and measures that one on `test` where it is
 * given. Writes search.json, search.md and run.yaml, the best options as a training run, to `output` beside the runs;
 * models and checkpoints are kept of the best trial alone.
 * @throws UsageError for options that cannot be, and where `output` holds runs with other options or data; what a run
 *   throws, with its trial in front, unless it diverged. Called again, without overwrite, it goes on after the runs
 *   that have ended.
 */
export async function search(options: SearchOptions, hooks: SearchHooks = {}): Promise<SearchResult> {
  checkOptions(options, 'search: options');
  checkHooks(hooks, 'search', ['signal', 'onRun', 'onResult']);
  // Values of the space stay as they are written; each trial reads its own.
  const config: SearchConfig = { ...parseOptions(searchSchema, options), space: options.space };
  const lock = await lockRun(config.output);
  try {
    return await new Search(config, hooks).run();
  } finally {
    lock.release();
  }
}

class Search {
  readonly #config: SearchConfig;
  readonly #hooks: SearchHooks;
  readonly #metric: string;
  readonly #trials: Trial[];
  readonly #rungs: Rung[];
  readonly #series: Series;
  /** The latest of each trial, by name. */
  readonly #ended = new Map<string, Ended>();
  readonly #endedRuns: TrialRun[] = [];
  /** Runs that were begun, and steps taken. */
  #runs = 0;
  #steps = 0;

  constructor(config: SearchConfig, hooks: SearchHooks) {
    this.#config = config;
    this.#hooks = hooks;
    this.#metric = metricOfSearch(config);
    this.#trials = trialsOf(config.space, config);
    // A contradiction is found before the first run.
    for (const trial of this.#trials) trialOptions(config, trial);
    this.#rungs = rungsOf(this.#trials.length, config);
    const { output, overwrite } = config;
    const stale = () => readdirSync(output).filter((name) => /^(trial-.*|search\.(json|md)|run\.yaml)$/.test(name));
    this.#series = new Series({ output, overwrite, stale, divergesAlone: true, signal: hooks.signal });
  }

  async run(): Promise<SearchResult> {
    let trials = this.#trials;
    for (const [rung, { steps }] of this.#rungs.entries()) {
      const runs = trials.map((trial) => this.#planned(trial, steps));
      this.#series.add(runs);
      for (const [i, run] of runs.entries())
        if (!(await this.#end(run, rung, runs.slice(i + 1)))) return this.#sumUp({ interrupted: true });
      const next = this.#rungs[rung + 1];
      if (next)
        trials = this.#ranked(rung)
          .slice(0, next.trials)
          .map(({ trial }) => trial);
    }
    return this.#sumUp({ interrupted: false });
  }

  #planned(trial: Trial, steps: number | undefined): TrialRun {
    const { run, record } = this.#ended.get(trial.name) ?? {};
    const before = run && record?.finished && { options: run.options, steps: record.finished.steps };
    return trialRun(this.#config, trial, { steps, before });
  }

  /** Whether the run has ended, and was not interrupted; `rest`: those of the rung that follow. */
  async #end(run: TrialRun, rung: number, rest: readonly TrialRun[]): Promise<boolean> {
    const { trial } = run;
    const { steps } = this.#rungs[rung]!;
    const of = this.#rungs.reduce((sum, { trials }) => sum + trials, 0);
    const searched = { ...trial, number: ++this.#runs, of, ...(steps !== undefined && { steps }) };
    const known = this.#series.isKnown(run);
    const record = await this.#series.end(run, (trainer) => this.#hooks.onRun?.(searched, trainer));
    if (!record) return false;
    const before = this.#ended.get(trial.name);
    const earlier = before ? before.earlier + before.record.seconds : 0;
    const first = before?.first ?? record.finished?.metrics[this.#metric] ?? Number.NaN;
    this.#ended.set(trial.name, { trial, run, record, rung, earlier, first });
    this.#endedRuns.push(run);
    this.#steps += record.finished ? record.finished.steps - (record.from ?? 0) : 0;
    await this.#tidy(rung, rest);
    const soFar = await this.#sumUp({ interrupted: true });
    this.#hooks.onResult?.(searched, { ...this.#resultOf(this.#ended.get(trial.name)!), known }, soFar);
    return true;
  }

  /** Those of a rung that have a value, the best first, of equal ones the earlier. */
  #ranked(rung: number): Ended[] {
    const sign = lessIsBetter(this.#metric) ? 1 : -1;
    const order = new Map(this.#trials.map(({ name }, i) => [name, i]));
    return [...this.#ended.values()]
      .filter((one) => one.rung >= rung && Number.isFinite(this.#valueOf(one)))
      .sort(
        (a, b) =>
          b.rung - a.rung ||
          sign * (this.#valueOf(a)! - this.#valueOf(b)!) ||
          order.get(a.trial.name)! - order.get(b.trial.name)!,
      );
  }

  #valueOf = ({ record }: Ended): number | undefined => record.finished?.metrics[this.#metric];

  /** Models and checkpoints take much room: they stay of the best trial, and of those that may go on. */
  async #tidy(rung: number, rest: readonly TrialRun[]): Promise<void> {
    const mayGoOn = this.#ranked(rung).slice(0, this.#rungs[rung + 1]?.trials ?? 0);
    const kept = [...mayGoOn, ...this.#ranked(0).slice(0, 1), ...rest].map(({ trial }) => trial.name);
    const latest = new Set(kept.map((name) => this.#ended.get(name)?.run));
    for (const run of this.#endedRuns) if (!latest.has(run)) await removeWeights(run.options);
  }

  #resultOf({ trial, record, rung, earlier }: Ended): TrialResult {
    const value = record.finished?.metrics[this.#metric];
    const steps = record.finished?.steps ?? this.#rungs[rung]?.steps ?? 0;
    return {
      ...trial,
      ...(value !== undefined && Number.isFinite(value) && { value }),
      steps,
      seconds: earlier + record.seconds,
      ...(record.failed !== undefined && { failed: record.failed }),
    };
  }

  /** The result as it is now, written to `output`; the test data are for the end. */
  async #sumUp({ interrupted }: { interrupted: boolean }): Promise<SearchResult> {
    const { output, test } = this.#config;
    const ranked = this.#ranked(0);
    const others = [...this.#ended.values()].filter((one) => !ranked.includes(one));
    const first = ranked[0];
    const compared = [...this.#ended.values()].map(({ trial, first }) => ({ ...trial, value: first }));
    const result: SearchResult = {
      metric: this.#metric,
      trials: [...ranked, ...others].map((one) => this.#resultOf(one)),
      ...(first && { best: this.#best(first) }),
      importance: importanceOf(compared),
      steps: this.#steps,
      ...this.#course(),
      output,
      interrupted,
    };
    if (result.best?.output !== undefined && test && !interrupted)
      result.best.test = await testOf(this.#config, first!.run.options, this.#metric);
    if (first) write(result, this.#config, first.trial);
    return result;
  }

  #best(first: Ended): BestTrial {
    const { trial, run } = first;
    const model = modelOf(run.options);
    const config = join(this.#config.output, 'run.yaml');
    return { ...trial, value: this.#valueOf(first)!, ...(existsSync(model) && { output: model }), config };
  }

  /** With halving: how trials get from one rung to the next. */
  #course(): Pick<SearchResult, 'halving'> {
    const [first, second] = this.#rungs;
    if (!first?.steps || !second?.steps) return {};
    const reasons = this.#trials.map((trial) =>
      continues(trialOptions(this.#config, trial), first.steps!, second.steps!),
    );
    const reason = reasons.find((one) => one !== undefined);
    return { halving: reason === undefined ? { goesOn: true } : { goesOn: false, reason } };
  }
}
