// Levenshtein's distance, of texts or of lists of anything.

/** Insertions, deletions and substitutions that turn one into the other: one row of the table at a time. */
export function editDistance(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  const row = Uint32Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let k = 1; k <= b.length; k++) {
      const substituted = diagonal + Number(a[i - 1] !== b[k - 1]);
      diagonal = row[k]!;
      row[k] = Math.min(substituted, diagonal + 1, row[k - 1]! + 1);
    }
  }
  return row[b.length]!;
}
