// Where each of several labels is predicted: from one half on, or from the probability that an option or the saved
// model says. A model that was evaluated while it was trained has those of the largest F1 of each label, in config.json
// under ortune.thresholds, which other programs pass over.

import type { FieldKit } from '../config/fields.js';
import { listed } from '../data/labels.js';
import { UsageError } from '../errors.js';
import { isObject } from '../files/json.js';
import { half, type MultiLabelResult } from '../metrics/multi-label.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';

/** One for all labels, or by the names of some. */
export type Thresholds = number | Readonly<Record<string, number>>;

export const thresholdsField = ({ z, about }: FieldKit) => {
  const probability = z.number().min(0).max(1);
  return z
    .union([probability, z.record(z.string(), probability)])
    .optional()
    .meta(
      about(
        'Several labels: the probability from which on each is predicted, one for all or by name; default the one that gives the largest F1 on the evaluation data, which the saved model keeps, else 0.5.',
        { value: 'P|YAML', aliases: ['threshold'], expects: 'a probability, or a map of them by label' },
      ),
    );
};

/** Of each label, in their order. @throws UsageError for a name that is no label */
export function thresholdsOf(labels: readonly string[], thresholds: Thresholds = half): number[] {
  if (typeof thresholds === 'number') return labels.map(() => thresholds);
  const other = Object.keys(thresholds).find((name) => !labels.includes(name));
  if (other !== undefined)
    throw new UsageError(`option 'thresholds' names ${quote(other)}; the labels are ${listed(labels)}`);
  return labels.map((label) => (Object.hasOwn(thresholds, label) ? thresholds[label]! : half));
}

/** Those of the largest F1 of each label on the samples that were measured; none for a label that no sample has. */
export const bestThresholds = ({ classes }: MultiLabelResult): Thresholds =>
  Object.fromEntries(classes.flatMap(({ label, best }) => (best ? [[label, best.threshold]] : [])));

/** Those that are given; where some labels have one, the others keep that of the saved model. */
export function thresholdsWith(config: ModelConfig, given: Thresholds | undefined): Thresholds | undefined {
  const saved = savedThresholds(config);
  if (given === undefined || saved === undefined) return given ?? saved;
  return typeof given === 'number' || typeof saved === 'number' ? given : { ...saved, ...given };
}

/** What a saved model says of them. */
function savedThresholds({ ortune }: ModelConfig): Thresholds | undefined {
  const found = (ortune as { thresholds?: unknown } | undefined)?.thresholds;
  const fits = isObject(found) && Object.values(found).every((one) => typeof one === 'number' && one >= 0 && one <= 1);
  return fits ? (found as Thresholds) : undefined;
}

/** A contradiction of options. */
export const thresholdsAlone =
  "option 'thresholds' is for several labels that may hold at once: set multiLabel, or leave thresholds out";
