// What a text may become in tokens: a damaged tokenizer.json makes more of it than memory holds.

/** Tokens that a text may become, for each of its UTF-16 units and beside: more is what a damaged file makes of it. */
const growth = { perUnit: 64, beside: 2 ** 16 };

/** @throws Error */
export function refuseGrowth(length: number, text: string): void {
  if (length > text.length * growth.perUnit + growth.beside)
    throw new Error(`its ${text.length} characters became ${length} tokens, which no tokenizer should make of them`);
}
