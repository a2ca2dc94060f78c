// Finds the option someone meant: by the names other tools give it, else by the fewest edits.

import { editDistance } from './edit-distance.js';

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
