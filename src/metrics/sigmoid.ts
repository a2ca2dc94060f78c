/** The probability of a label that holds or not by itself, from its logit. */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
