// Figures of an order by score: how well those that have a label come before those that have not. Samples of equal
// score count at once, in scikit-learn's way; nothing is interpolated.

/** Samples of one score, the highest score first. */
interface Step {
  score: number;
  /** So many samples have this score or a higher one, and so many of these have the label. */
  count: number;
  hits: number;
}

/** Scores of which each has a place: what is not a number comes last, with the lowest one. */
export const ranked = <T extends Float32Array | Float64Array>(scores: T): T =>
  scores.some(Number.isNaN)
    ? (scores.map((score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score)) as T)
    : scores;

/** The samples of a label in the order of their scores. */
export class Ranking {
  readonly steps: readonly Step[];
  readonly samples: number;
  /** Samples that have the label. */
  readonly positives: number;

  /** `holds[i]`: whether sample i has the label. */
  constructor(given: Float32Array | Float64Array, holds: ArrayLike<number>) {
    const scores = ranked(given);
    const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) =>
      scores[a]! < scores[b]! ? 1 : scores[a]! > scores[b]! ? -1 : 0,
    );
    const steps: Step[] = [];
    let hits = 0;
    for (let n = 0; n < order.length; ) {
      const score = scores[order[n]!]!;
      for (; n < order.length && scores[order[n]!] === score; n++) hits += holds[order[n]!] ? 1 : 0;
      steps.push({ score, count: n, hits });
    }
    this.steps = steps;
    this.samples = scores.length;
    this.positives = hits;
  }

  /**
   * Area under the steps of precision over recall, Σ (R_n - R_{n-1}) · P_n: scikit-learn's average_precision_score. 0
   * where no sample has the label.
   */
  averagePrecision(): number {
    if (this.positives === 0) return 0;
    let [before, sum] = [0, 0];
    for (const { count, hits } of this.steps) {
      sum += ((hits - before) / this.positives) * (hits / count);
      before = hits;
    }
    return sum;
  }

  /**
   * Share of the pairs of a sample with the label and one without in which the former has the higher score, equal ones
   * as half: scikit-learn's roc_auc_score. Undefined where there are no such pairs.
   */
  rocAuc(): number | undefined {
    const negatives = this.samples - this.positives;
    if (this.positives === 0 || negatives === 0) return undefined;
    let [counted, before, pairs] = [0, 0, 0];
    for (const { count, hits } of this.steps) {
      const [own, others] = [hits - before, count - counted - (hits - before)];
      // Samples without the label that come behind these.
      pairs += own * (negatives - (counted - before) - others / 2);
      counted = count;
      before = hits;
    }
    return pairs / (this.positives * negatives);
  }

  /**
   * The score from which on taking samples gives the largest F1, half way to the next lower one (to 0 behind the last),
   * and that F1; of several the highest, which takes fewest. Undefined where no sample has the label.
   */
  bestThreshold(): { threshold: number; f1: number } | undefined {
    if (this.positives === 0) return undefined;
    let [best, most] = [0, -1];
    for (const [i, { count, hits }] of this.steps.entries()) {
      const f1 = (2 * hits) / (count + this.positives);
      if (f1 > most) [best, most] = [i, f1];
    }
    const [score, below] = [this.steps[best]!.score, this.steps[best + 1]?.score ?? 0];
    const middle = below + (score - below) / 2;
    // Where nothing lies between the two.
    return { threshold: middle > below ? middle : score, f1: most };
  }
}

/**
 * Average precision of the scores of several rankings taken together, without an object for each of their steps: there
 * may be a hundred million scores. 0 where none of them has its label.
 */
export function averagePrecisionOfAll(rankings: readonly { scores: Float32Array; holds: ArrayLike<number> }[]): number {
  const keys = new Float64Array(rankings.reduce((sum, { scores }) => sum + scores.length, 0));
  const [value, bits] = viewsOfOne();
  let [at, positives] = [0, 0];
  for (const { scores: given, holds } of rankings) {
    const scores = ranked(given);
    for (let i = 0; i < scores.length; i++) {
      value[0] = scores[i]! + 0; // -0 is 0
      // The bits of a float as a whole number of the same order, and the label behind them.
      const ordered = bits[0]! >>> 31 === 1 ? ~bits[0]! >>> 0 : (bits[0]! | 0x80000000) >>> 0;
      const hit = holds[i] ? 1 : 0;
      positives += hit;
      keys[at++] = 2 * ordered + hit;
    }
  }
  if (positives === 0) return 0;
  keys.sort();
  let [sum, hits, before] = [0, 0, 0];
  for (let i = keys.length - 1; i >= 0; ) {
    const score = Math.floor(keys[i]! / 2);
    for (; i >= 0 && Math.floor(keys[i]! / 2) === score; i--) hits += keys[i]! % 2;
    sum += ((hits - before) / positives) * (hits / (keys.length - 1 - i));
    before = hits;
  }
  return sum;
}

/** A float32 and its bits. */
function viewsOfOne(): [Float32Array, Uint32Array] {
  const value = new Float32Array(1);
  return [value, new Uint32Array(value.buffer)];
}
