// The cross-entropy of one row of logits, its likeliest class and its probabilities, where logits come from elsewhere
// than the training graph.

/** −ln softmax(row)[label] of the `classes` logits from index `from` on, and the index of the largest in the row. */
export function crossEntropy(
  logits: ArrayLike<number>,
  from: number,
  classes: number,
  label: number,
): { loss: number; prediction: number } {
  let best = from;
  for (let i = from + 1; i < from + classes; i++) if (logits[i]! > logits[best]!) best = i;
  let sum = 0;
  for (let i = from; i < from + classes; i++) sum += Math.exp(logits[i]! - logits[best]!);
  return { loss: Math.log(sum) + logits[best]! - logits[from + label]!, prediction: best - from };
}

/** The probabilities of a row of logits. */
export function softmax(logits: Float32Array | readonly number[]): Float64Array {
  const top = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((one) => one / sum);
}
