// Average precision: the area under the steps of the curve of precision over recall, as scikit-learn's
// average_precision_score has it: Σ (R_n - R_{n-1}) · P_n over the distinct scores, from the highest down. Nothing is
// interpolated, and samples of equal score count at once.

/** Of one label; 0 where no sample has it. `holds[i]`: whether sample i has the label. */
export function averagePrecision(scores: Float32Array, holds: ArrayLike<number>): number {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  let positives = 0;
  for (let i = 0; i < scores.length; i++) positives += holds[i] ? 1 : 0;
  if (positives === 0) return 0;
  let [hits, sum] = [0, 0];
  for (let n = 0; n < order.length; ) {
    const score = scores[order[n]!]!;
    const before = hits;
    for (; n < order.length && scores[order[n]!] === score; n++) hits += holds[order[n]!] ? 1 : 0;
    sum += ((hits - before) / positives) * (hits / n);
  }
  return sum;
}
