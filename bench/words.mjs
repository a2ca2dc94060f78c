// Words as plain baselines count them.

/** Runs of letters and digits, in lower case. */
export const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
