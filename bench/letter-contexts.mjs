// How a word is said, by the letters around each of its letters alone: the plain baseline of spelling to sound. Letters
// are aligned with phonemes by expectation and maximisation (each letter stands for none, one or two), and a letter is
// said as it most often is between the same letters, of as wide a context as has been seen before.

const most = 2;
const edge = '#';

/** Ways of a letter at `i` to stand for phonemes from `j` on, as the text of these. */
function* ways(letters, phonemes, i, j) {
  for (let count = 0; count <= most && j + count <= phonemes.length; count++)
    yield { count, key: `${letters[i]}\t${phonemes.slice(j, j + count).join(' ')}` };
}

/** Probabilities of all ways that lead to (i, j), or on from there. */
function sums(letters, phonemes, chance, forward) {
  const [rows, columns] = [letters.length + 1, phonemes.length + 1];
  const at = (i, j) => i * columns + j;
  const table = new Float64Array(rows * columns);
  table[forward ? 0 : at(rows - 1, columns - 1)] = 1;
  for (let step = 0; step < letters.length; step++) {
    const i = forward ? step : letters.length - 1 - step;
    for (let j = 0; j < columns; j++)
      for (const { count, key } of ways(letters, phonemes, i, j)) {
        const p = chance(key);
        if (forward) table[at(i + 1, j + count)] += table[at(i, j)] * p;
        else table[at(i, j)] += table[at(i + 1, j + count)] * p;
      }
  }
  return { table, at };
}

/** How likely each letter is each group of phonemes, after some rounds. */
function alignmentModel(words, rounds) {
  let chances = new Map();
  let chance = () => 0.1;
  for (let round = 0; round < rounds; round++) {
    const counts = new Map();
    for (const { letters, phonemes } of words) {
      const { table: before, at } = sums(letters, phonemes, chance, true);
      const { table: behind } = sums(letters, phonemes, chance, false);
      const total = behind[0];
      if (total === 0) continue;
      for (let i = 0; i < letters.length; i++)
        for (let j = 0; j <= phonemes.length; j++)
          for (const { count, key } of ways(letters, phonemes, i, j)) {
            const weight = (before[at(i, j)] * chance(key) * behind[at(i + 1, j + count)]) / total;
            if (weight > 0) counts.set(key, (counts.get(key) ?? 0) + weight);
          }
    }
    const totals = new Map();
    for (const [key, count] of counts) totals.set(key[0], (totals.get(key[0]) ?? 0) + count);
    chances = new Map([...counts].map(([key, count]) => [key, count / totals.get(key[0])]));
    chance = (key) => chances.get(key) ?? 0;
  }
  return chance;
}

/** The likeliest group of phonemes of each letter; undefined where a word has too many phonemes for its letters. */
function aligned({ letters, phonemes }, chance) {
  const columns = phonemes.length + 1;
  const at = (i, j) => i * columns + j;
  const best = new Float64Array((letters.length + 1) * columns);
  const from = new Int32Array(best.length);
  best[0] = 1;
  for (let i = 0; i < letters.length; i++)
    for (let j = 0; j < columns; j++)
      for (const { count, key } of ways(letters, phonemes, i, j)) {
        const p = best[at(i, j)] * chance(key);
        if (p > best[at(i + 1, j + count)]) {
          best[at(i + 1, j + count)] = p;
          from[at(i + 1, j + count)] = count;
        }
      }
  if (best[at(letters.length, phonemes.length)] === 0) return undefined;
  const groups = [];
  for (let i = letters.length, j = phonemes.length; i > 0; i--) {
    const count = from[at(i, j)];
    groups.unshift(phonemes.slice(j - count, j).join(' '));
    j -= count;
  }
  return groups;
}

/** The letter at `i` with so many before and behind it. */
const context = (padded, i, [left, right]) => padded.slice(i - left, i + right + 1);

/** From the widest context to none. */
const widths = [
  [4, 4],
  [3, 4],
  [3, 3],
  [2, 3],
  [2, 2],
  [1, 2],
  [1, 1],
  [0, 1],
  [0, 0],
];
const padding = edge.repeat(4);

/**
 * @param {{ letters: string, phonemes: string[] }[]} words
 * @returns {(letters: string) => string[]} how a word is said
 */
export function letterContexts(words, rounds = 5) {
  const chance = alignmentModel(words, rounds);
  const tables = widths.map(() => new Map());
  for (const word of words) {
    const groups = aligned(word, chance);
    if (!groups) continue;
    const padded = padding + word.letters + padding;
    for (const [i, group] of groups.entries())
      for (const [k, width] of widths.entries()) {
        const key = context(padded, i + padding.length, width);
        if (!tables[k].has(key)) tables[k].set(key, new Map());
        const counts = tables[k].get(key);
        counts.set(group, (counts.get(group) ?? 0) + 1);
      }
  }
  const usual = tables.map(
    (table) =>
      new Map([...table].map(([key, counts]) => [key, [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0]])),
  );
  return (letters) => {
    const padded = padding + letters + padding;
    return Array.from(letters, (_, i) => {
      const k = widths.findIndex((width, k) => usual[k].has(context(padded, i + padding.length, width)));
      return k < 0 ? '' : usual[k].get(context(padded, i + padding.length, widths[k]));
    }).flatMap((group) => (group === '' ? [] : group.split(' ')));
  };
}
