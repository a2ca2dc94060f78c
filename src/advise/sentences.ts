// Figures as sentences for people: what was found, what follows from it, and the numbers behind.

import { formatCount } from '../format.js';
import type { Advice, DataFacts, LabelIssues, Reach } from './advice.js';
import type { Found } from './advise.js';
import { afterDoubling } from './extrapolate.js';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** Classes with fewer samples are named. */
const few = 10;
/** Of the most frequent class to the rarest: above it the data count as unbalanced. */
const unbalanced = 10;

export function sentencesOf({ data, features, words, labelIssues }: Found): string[] {
  return [...ofData(data), ...(labelIssues ? ofIssues(labelIssues) : []), ...ofReach(features, words)];
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

function* ofReach(features: Advice['features'], words: Reach | undefined): Generator<string> {
  if ('missing' in features)
    yield `The model has no features that a linear classifier could be fitted to: ${features.missing}.`;
  else yield `A linear classifier on the frozen model's features is right for ${figure(features)}${more(features)}`;
  if (words) yield `A bag of words, without the model, is right for ${figure(words)}${more(words)}`;
}

const figure = ({ accuracy, standardError, samples }: Reach): string =>
  `${percent(accuracy)} ± ${(100 * standardError).toFixed(1)} of ${plural(samples, 'sample')} that it had not learnt from (cross-validated)`;

const more = ({ curve }: Reach): string => {
  const doubled = afterDoubling(curve);
  return doubled === undefined ? '.' : `; by its learning curve about ${percent(doubled)} with twice the labels.`;
};
