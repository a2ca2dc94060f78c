// Correlations of two lists of numbers, as scipy.stats' pearsonr and spearmanr have them. Where one of the lists is
// constant there is none: 0 here, NaN there.

type Numbers = ArrayLike<number>;

/** Of linear dependence: -1 to 1. */
export function pearson(x: Numbers, y: Numbers): number {
  const [dx, dy] = [deviations(x), deviations(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (const [i, d] of dx.entries()) {
    xy += d * dy[i]!;
    xx += d * d;
    yy += dy[i]! * dy[i]!;
  }
  const spread = Math.sqrt(xx) * Math.sqrt(yy);
  return spread === 0 ? 0 : Math.max(-1, Math.min(1, xy / spread));
}

/** Of order: that of the ranks, equal numbers having the mean of theirs. */
export const spearman = (x: Numbers, y: Numbers): number => pearson(ranks(x), ranks(y));

/** Differences from the mean; all 0 of a constant, whose mean rounding may move off it. */
function deviations(values: Numbers): Float64Array {
  const first = values[0] ?? 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! - first;
  const mean = sum / values.length;
  return Float64Array.from(values, (value) => value - first - mean);
}

/** From 1; equal numbers have the mean of theirs. */
export function ranks(values: Numbers): Float64Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const all = new Float64Array(values.length);
  for (let n = 0; n < order.length; ) {
    const from = n;
    while (n < order.length && values[order[n]!] === values[order[from]!]) n++;
    for (let i = from; i < n; i++) all[order[i]!] = (from + 1 + n) / 2;
  }
  return all;
}
