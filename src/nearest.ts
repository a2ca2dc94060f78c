// Finds the option someone meant: by the names other tools give it, else by the fewest edits.

/** Edits (insert, delete, replace) that turn one text into the other. Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

const plain = (name: string): string => name.toLowerCase().replace(/[_\-.]/g, '');

/** The key closest to `name`, or undefined when none is close (more than a third of it differs). */
export function nearest(
  name: string,
  options: readonly { key: string; aliases: readonly string[] }[],
): string | undefined {
  const wanted = plain(name);
  let best: { key: string; distance: number } | undefined;
  for (const { key, aliases } of options)
    for (const candidate of [key, ...aliases]) {
      const distance = editDistance(wanted, plain(candidate));
      if (!best || distance < best.distance) best = { key, distance };
    }
  return best && best.distance <= Math.max(1, wanted.length / 3) ? best.key : undefined;
}
