// The cross-entropy of one row of logits and its likeliest class, where logits come from elsewhere than the training
// graph.

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
