// Figures as sentences for people: what was found, what follows from it, and the numbers behind.

import { formatCount, formatDuration, formatNumber } from '../format.js';
import type { Advice, DataFacts, LabelIssues, Reach } from './advice.js';
import type { Found } from './advise.js';
import { afterDoubling } from './extrapolate.js';
import { type Expected, standardError } from './outlook.js';
import type { Trials } from './short-runs.js';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** Classes with fewer samples are named. */
const few = 10;
/** Of the most frequent class to the rarest: above it the data count as unbalanced. */
const unbalanced = 10;

export const bagOfWords = 'bag of words';
export const untouched = 'as it is';

/** @param of where the model is */
export function sentencesOf(found: Found, { model }: { model: string }): string[] {
  const { data, features, tokens, words, labelIssues, trials } = found;
  return [
    ...ofData(data),
    ...(labelIssues ? ofIssues(labelIssues) : []),
    ...(tokens ? ofTokens(tokens) : []),
    ...ofReach(features, words),
    ...('missing' in trials ? [`There were no short runs: ${trials.missing}; raise budget.`] : ofTrials(trials)),
    ...ofChoice(found, model),
  ];
}

function* ofData({ samples, classes, duplicates }: DataFacts): Generator<string> {
  const sorted = classes.toSorted((a, b) => a.samples - b.samples);
  const [rarest, commonest] = [sorted[0]!, sorted.at(-1)!];
  yield `${plural(samples, 'training sample')} of ${classes.length} classes: from ${formatCount(rarest.samples)} (${rarest.name}) to ${formatCount(commonest.samples)} (${commonest.name}); always saying ${commonest.name} is right for ${percent(commonest.samples / samples)}.`;
  const scarce = sorted.filter((one) => one.samples < few);
  if (scarce.length > 0)
    yield `${plural(scarce.length, 'class has', 'classes have')} fewer than ${few} samples, such as ${scarce[0]!.name} with ${scarce[0]!.samples}: what is measured of such a class says little; label more of it.`;
  else if (commonest.samples > unbalanced * rarest.samples)
    yield `The classes are unbalanced: judge by macro.f1 (metricForBestModel), and try classWeights balanced.`;
  const { within, contradicting, eval: ofEval, test } = duplicates;
  if (within > 0)
    yield `${plural(within, 'training sample repeats', 'training samples repeat')} an earlier one${contradicting > 0 ? `, ${formatCount(contradicting)} of them with another label: correct these first` : ''}.`;
  for (const [name, count] of Object.entries({ evaluation: ofEval, test }))
    if (count)
      yield `${plural(count, `${name} sample is`, `${name} samples are`)} in the training data too: take them out of one of both, or figures are too good.`;
}

function* ofIssues({ judged, rows, foundOfPlanted, leastPrecision, reliable }: LabelIssues): Generator<string> {
  const trial = `in a trial it found ${percent(foundOfPlanted)} of the labels that had been exchanged`;
  if (!reliable && rows.length > 0)
    yield `Wrong labels cannot be told by this model's features: they contradict ${plural(rows.length, 'label')} of ${formatCount(judged)}, which says more of them than of the labels (${trial}; if 5 % of the labels were wrong, as few as ${percent(leastPrecision)} of those listed might be).`;
  else if (rows.length === 0)
    yield `No label of ${plural(judged, 'sample')} looks wrong by the model's features; ${trial}.`;
  else
    yield `${plural(rows.length, 'label')} of ${formatCount(judged)} (${percent(rows.length / judged)}) ${rows.length === 1 ? 'is' : 'are'} likely wrong by the model's features: label-issues.jsonl lists them, the likeliest first; ${trial}. Look at them before you train.`;
}

/** Above this share of unknown tokens the model does not read what the texts say. */
const muchUnknown = 0.05;

function* ofTokens({ texts, tokens, unknown }: NonNullable<Advice['tokens']>): Generator<string> {
  const hint = unknown > muchUnknown * tokens ? ': choose a model for such texts' : '';
  yield `${percent(unknown / tokens)} of the ${formatCount(tokens)} tokens of ${plural(texts, 'text')} are unknown to the model's tokenizer${hint}.`;
}

function* ofReach(features: Advice['features'], words: Reach | undefined): Generator<string> {
  if ('missing' in features)
    yield `The model has no features that a linear classifier could be fitted to: ${features.missing}.`;
  else
    yield `A linear classifier on the frozen model's features is right for ${figure(features)}${more(features)} The features use ${features.spread.dimensions.toFixed(1)} of ${features.size} dimensions (participation ratio); those of two samples have a mean cosine of ${features.spread.cosine.toFixed(2)}.`;
  if (words) yield `A bag of words, without the model, is right for ${figure(words)}${more(words)}`;
}

const figure = ({ accuracy, standardError, samples }: Reach): string =>
  `${percent(accuracy)} ± ${(100 * standardError).toFixed(1)} of ${plural(samples, 'sample')} that it had not learnt from (cross-validated)`;

const more = ({ curve }: Reach): string => {
  const doubled = afterDoubling(curve);
  return doubled === undefined ? '.' : `; by its learning curve about ${percent(doubled)} with twice the labels.`;
};

function* ofTrials({ asItIs, strategies, held, totalSteps, notes }: Trials): Generator<string> {
  if (asItIs)
    yield `The model as it is is right for ${percent(asItIs.accuracy)} of ${plural(held, 'held-out sample')}.`;
  for (const { name, learningRate, runs, seconds, ...outlook } of strategies) {
    const steps = runs.map((run) => `${percent(run.accuracy)} after ${run.steps} steps`).join(', ');
    yield `${does[name] ?? name}, learning rate ${formatNumber(learningRate)}: ${steps}; all ${formatCount(totalSteps)} steps may reach ${range(outlook)}, in about ${formatDuration(seconds)}.`;
  }
  for (const note of notes) yield `Strategy ${note}`;
}

/** What strategies do. */
const does: Readonly<Record<string, string>> = {
  frozen: 'Freeze (train a new head alone)',
  lora: 'Adapters (LoRA)',
  finetuned: 'Fine-tune all weights',
  scratch: 'Train again from random weights',
};

const range = ({ accuracy, low, high }: Expected): string =>
  `${percent(accuracy)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;

/** Labels that are likely wrong above this share are to be repaired first, and a gain above it is worth more labels. */
const matters = 0.01;

function* ofChoice({ choice, config, labelIssues, features, words, trials }: Found, model: string): Generator<string> {
  if (labelIssues?.reliable && labelIssues.rows.length > matters * labelIssues.judged)
    yield 'Repair the labels first: the figures here are held against labels some of which are wrong.';
  if (!choice) return;
  const runs = config === undefined ? '' : `: ortune train ${config}`;
  if (choice.name === untouched)
    yield `Advice: leave ${model} as it is; nothing that was tried is expected to be better by half a point.`;
  else if (choice.name === bagOfWords)
    yield `Advice: a bag of words is right for ${range(choice)}, and no way of training the model is expected to be better by half a point: take it, or another model, or more labels. The best that trains${runs}`;
  else
    yield `Advice: ${does[choice.name]!.replace(/^./, (first) => first.toLowerCase())}; expected ${range(choice)}${runs}`;
  if (!('missing' in features) && features.accuracy - features.standardError > choice.high)
    yield `A linear classifier on the frozen features does better than any run of so many steps is expected to: raise epochs.`;
  const curve = choice.name === bagOfWords ? words?.curve : 'missing' in features ? undefined : features.curve;
  const doubled = curve && afterDoubling(curve);
  if (doubled !== undefined && doubled - curve!.at(-1)!.accuracy > matters)
    yield `More labels would help: twice as many are worth about ${(100 * (doubled - curve!.at(-1)!.accuracy)).toFixed(1)} points by the learning curve.`;
  if (!('missing' in trials))
    yield `Differences below ${(200 * standardError(choice.accuracy, trials.held)).toFixed(1)} points are within the error of ${plural(trials.held, 'held-out sample')}.`;
}
