// Which labels of a data set are likely wrong, by what a classifier says of samples that it has not learnt from:
// confident learning (Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021),
// with the choices of its authors' library cleanlab: a row counts as confident of a class whose threshold its
// probability reaches, of several the likeliest class of all, and is no issue where the likeliest class is the given
// one.

export interface LabelIssue {
  row: number;
  /** Classes. */
  given: number;
  suggested: number;
  /** Probability of the given class less the highest of another, from -1 (surely wrong) to 1. */
  margin: number;
}

/** What rounding may take from a probability that is its threshold. */
const rounding = 1e-6;

/**
 * Of each class the mean probability that samples which are labelled so have of it; Infinity for a class without any.
 * @param probabilities [rows, classes]
 */
export function confidentThresholds(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Float64Array {
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  for (let row = 0; row < labels.length; row++) {
    const given = labels[row]!;
    sums[given]! += probabilities[row * classes + given]!;
    counts[given]!++;
  }
  return sums.map((sum, c) => (counts[c]! > 0 ? sum / counts[c]! : Infinity));
}

/**
 * The rows whose label is likely wrong, the likeliest first.
 * @param probabilities [rows, classes], of a classifier that has not learnt from the row
 * @param labels the given class of each row
 */
export function labelIssues(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): LabelIssue[] {
  const thresholds = confidentThresholds(probabilities, labels, classes);
  const issues: LabelIssue[] = [];
  for (let row = 0; row < labels.length; row++) {
    const of = (c: number): number => probabilities[row * classes + c]!;
    const given = labels[row]!;
    let likeliest = given;
    let highestOther = -Infinity;
    const confident: number[] = [];
    for (let c = 0; c < classes; c++) {
      if (thresholds[c] === Infinity) continue;
      if (of(c) > of(likeliest)) likeliest = c;
      if (c !== given) highestOther = Math.max(highestOther, of(c));
      if (of(c) >= thresholds[c]! - rounding) confident.push(c);
    }
    const suggested = confident.length > 1 ? likeliest : confident[0];
    if (suggested === undefined || suggested === given || likeliest === given) continue;
    issues.push({ row, given, suggested, margin: of(given) - highestOther });
  }
  return issues.sort((a, b) => a.margin - b.margin || a.row - b.row);
}
