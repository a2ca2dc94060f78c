// Advice on a model and data: what the data say of themselves, how far the model's features go as they are, and what
// short runs of the ways to use it come to. Nothing of the model is changed.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkHooks } from '../arguments.js';
import { builtFile } from '../built.js';
import { writeJson } from '../compare/record.js';
import { type AdviseConfig, runPart } from '../config/advise-schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import { ofKind } from '../data/columns.js';
import { orAborted } from '../data/data-client.js';
import type { Dataset } from '../data/dataset.js';
import { labelsOfConfig } from '../data/labels.js';
import { unknownTokens } from '../data/text/survey.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { DataError } from '../errors.js';
import { writeAtomically } from '../files/atomic-file.js';
import { WorkerPool } from '../threads/worker-pool.js';
import { openRun } from '../train/open-run.js';
import type { Run } from '../train/run.js';
import { lockRun } from '../train/run-directory.js';
import { readModelConfig } from '../transfer/config.js';
import { type Features, trunkFeatures } from '../trunk/features.js';
import type { Advice, DataFacts, IssueRow, LabelIssues, Reach } from './advice.js';
import { folds } from './cross-validation.js';
import { countCopies } from './duplicates.js';
import { choose, type Way } from './outlook.js';
import { plantedShare } from './planted.js';
import type { Judged, ProbeRequest, Same, SameRequest, WordsRequest } from './protocol.js';
import { bagOfWords, sentencesOf, untouched } from './sentences.js';
import { runTrials, type TrialOptions } from './short-runs.js';
import { writeRun } from './write-run.js';

export interface AdviseHooks {
  signal?: AbortSignal | undefined;
  /** Told what is done now, and how far it is. */
  onProgress?: (what: string, done: number, of: number) => void;
  /** Told what was assumed of model and data. */
  onNote?: (note: string) => void;
}

/** Of the budget: most that the features of samples may take. */
const featureShare = 0.3;

/**
 * Looks at the training data and at what the model's features are worth for them; writes advice.json and
 * label-issues.jsonl to `output`.
 * @throws UsageError, DataError, ModelError for what cannot be used; the signal's reason
 */
export async function advise(config: AdviseConfig, hooks: AdviseHooks = {}): Promise<Advice> {
  checkHooks(hooks, 'advise', ['signal', 'onProgress', 'onNote']);
  const started = performance.now();
  const lock = await lockRun(config.output);
  const judging = new WorkerPool({ url: builtFile('advise/judging-worker.js'), role: 'that judges the data' });
  try {
    const { perSample, ownClasses, ...looked } = await lookAt(config, judging, hooks);
    const elapsed = (): number => (performance.now() - started) / 1000;
    const { signal, onProgress: onRun } = hooks;
    const time = { seconds: config.budget - elapsed(), perSample, ownClasses };
    const tried = await runTrials(config, { samples: looked.data.samples, ...time, signal, onRun });
    const trials = typeof tried === 'string' ? { missing: tried } : tried;
    const chosen = chooseWay(config, looked.words, trials);
    const found = { ...looked, trials, ...chosen };
    const { model, task, output } = config;
    const advice = { model, task, ...found, sentences: sentencesOf(found, config), seconds: elapsed(), output };
    write(advice);
    return advice;
  } finally {
    await judging.destroy();
    lock.release();
  }
}

type Looked = Pick<Advice, 'data' | 'features' | 'tokens' | 'words' | 'labelIssues'>;
export type Found = Looked & Pick<Advice, 'trials' | 'choice' | 'config'>;

async function lookAt(
  config: AdviseConfig,
  judging: WorkerPool,
  hooks: AdviseHooks,
): Promise<Looked & Pick<TrialOptions, 'perSample' | 'ownClasses'>> {
  const { signal, onNote, onProgress } = hooks;
  const ask = <T>(name: string, task: object): Promise<T> => orAborted(judging.run<T>(task, name), signal);
  const run = await openRun(frozen(config), {}, signal);
  try {
    for (const note of [...run.engine.model.notes, ...run.data.notes, ...(run.plan.notes ?? [])]) onNote?.(note);
    const { seed } = config;
    const { train } = run.data;
    const labels = labelsOf(train);
    const names = run.data.labels.names;
    const data = await factsOf(run, labels, (request) => ask<Same>('same', request));
    const computed = await trunkFeatures(run.engine, run.loader, train, {
      ...{ seconds: featureShare * config.budget, seed, signal },
      progress: (done, of) => onProgress?.('features of the frozen model', done, of),
    });
    const features = typeof computed === 'string' ? computed : enough(computed);
    // Of a model without features as much as of a small one: the runs themselves will tell.
    const perSample = typeof features === 'string' ? 0.01 : features.secondsPerSample;
    const samples = typeof features === 'string' ? allOf(train) : features.samples;
    const judged = { labels: Int32Array.from(samples, (sample) => labels[sample]!), classes: names.length, seed };
    onProgress?.('what a linear classifier makes of them', 0, 1);
    const [probed, worded] = [
      typeof features === 'string' ? undefined : await ask<Judged>('probe', probeOf(features, judged)),
      config.task === 'text-classification' && samples.length >= fewest
        ? await ask<Judged>('words', { table: train.table!, samples, ...judged } satisfies WordsRequest)
        : undefined,
    ];
    const own = labelsOfConfig(readModelConfig(run.engine.model.directory))?.names ?? [];
    const tokens = worded && (await orAborted(unknownTokens(run.plan.encoding as TextEncoding, train.table!), signal));
    return {
      perSample,
      ownClasses: own.length === names.length && names.every((name) => own.includes(name)),
      data,
      features:
        typeof features === 'string'
          ? { missing: features }
          : { ...reachOf(probed!, samples.length), size: features.size, spread: probed!.spread! },
      ...(tokens && { tokens }),
      ...(worded && { words: reachOf(worded, samples.length) }),
      ...(probed && { labelIssues: issuesOf(probed, run, samples) }),
    };
  } finally {
    await run.close();
  }
}

/** Samples that can be judged at all. */
const fewest = 2 * folds;

const enough = (features: Features): Features | string =>
  features.samples.length >= fewest ? features : `${features.samples.length} samples are too few to judge by`;

/** The run whose head alone would be trained, over all training data; it is opened and takes no step. */
const frozen = (config: AdviseConfig): TrainConfig => ({
  ...runPart(config),
  ...{
    freeze: ['trunk'],
    evalSplit: undefined,
    maxSteps: 0,
    sampling: 'shuffle' as const,
    output: join(config.output, 'features'),
  },
  ...{ evalStrategy: undefined, evalSteps: undefined, earlyStoppingPatience: undefined, overwrite: true },
});

/** The way to take, and the configuration of the best that trains, written to run.yaml. */
function chooseWay(
  config: AdviseConfig,
  words: Reach | undefined,
  trials: Advice['trials'],
): Pick<Advice, 'choice' | 'config'> {
  if ('missing' in trials) return {};
  const { asItIs, strategies } = trials;
  const way = ({ accuracy, standardError }: Reach): Way => {
    return { name: bagOfWords, accuracy, low: accuracy - standardError, high: accuracy + standardError };
  };
  const ways = [...(asItIs ? [{ name: untouched, ...asItIs }] : []), ...(words ? [way(words)] : []), ...strategies];
  const choice = choose(ways);
  const trained = choose(strategies);
  return { ...(choice && { choice }), ...(trained && { config: writeRun(config, trained) }) };
}

const probeOf = ({ data, size }: Features, judged: Omit<ProbeRequest, 'features' | 'size'>): ProbeRequest => ({
  features: data,
  size,
  ...judged,
});

const allOf = ({ samples }: Dataset): Uint32Array => Uint32Array.from({ length: samples }, (_, i) => i);

/** The class of each training sample. @throws DataError where the samples have more than a class */
function labelsOf(train: Dataset): Int32Array {
  const column = train.table && ofKind(train.table.columns, 'label', 'class');
  if (column) return column.values.subarray(0, train.samples);
  throw new DataError(`${train.files.join(', ')}: advice is for samples that have one class each, in memory`);
}

async function factsOf(
  { data }: Run,
  labels: Int32Array,
  same: (request: SameRequest) => Promise<Same>,
): Promise<DataFacts> {
  const { train, eval: evaluation, test } = data;
  const others = { eval: evaluation, test };
  const parts = Object.entries(others).flatMap(([name, part]) => (part?.table ? [{ name, table: part.table }] : []));
  const copies = countCopies(
    await same({ tables: [train.table!, ...parts.map(({ table }) => table)] }),
    labels,
    parts.map(({ table }) => table.count),
  );
  const { names } = data.labels;
  const { within, contradicting } = copies;
  const shared = Object.fromEntries(parts.map(({ name }, i) => [name, copies.shared[i]!]));
  return {
    samples: train.samples,
    classes: names.map((name, c) => ({ name, samples: train.classCounts[c]! })),
    duplicates: { within, contradicting, ...shared },
    contradictions: copies.contradictions.map(({ row, first }) => ({
      ...{ place: train.location(row), label: names[labels[row]!]! },
      ...{ same: train.location(first), otherLabel: names[labels[first]!]! },
    })),
  };
}

/** Below this least precision the rows say more of the features than of the labels. */
const leastReliable = 0.2;

function issuesOf(
  { issues, foundOfPlanted = 0 }: Judged,
  { data: { train, labels } }: Run,
  samples: Uint32Array,
): LabelIssues {
  const rows = issues.map(({ row, given, suggested, margin }): IssueRow => {
    const [label, other] = [labels.names[given]!, labels.names[suggested]!];
    return { place: train.location(samples[row]!), given: label, suggested: other, margin };
  });
  // Rows that are listed of the labels as they are count as right, which some are not.
  const found = plantedShare * samples.length * foundOfPlanted;
  const leastPrecision = found === 0 ? 0 : found / (found + rows.length);
  return { judged: samples.length, rows, foundOfPlanted, leastPrecision, reliable: leastPrecision >= leastReliable };
}

const reachOf = ({ accuracy, curve }: Judged, samples: number): Reach => ({
  ...{ accuracy, standardError: Math.sqrt((accuracy * (1 - accuracy)) / samples) },
  ...{ samples, curve },
});

function write({ output, labelIssues, ...advice }: Advice): void {
  mkdirSync(output, { recursive: true });
  const { rows = [], ...judged } = labelIssues ?? {};
  writeJson(join(output, 'advice.json'), { ...advice, labelIssues: { ...judged, count: rows.length } });
  writeAtomically(join(output, 'label-issues.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
