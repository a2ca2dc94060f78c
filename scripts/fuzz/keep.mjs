// A failed case on disk: the files that were given, and what was seen.

import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns the folder */
export function keep(kept, { name, seed, index, directory, outcome }) {
  const place = join(kept, `${name}-${seed}-${index}`);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  cpSync(directory, join(place, 'input'), { recursive: true });
  const again = `npm run fuzz -- --only ${name} --seed ${seed} --from ${index} --count 1`;
  writeFileSync(join(place, 'outcome.txt'), `${again}\n${outcome.why}\n${outcome.detail ?? ''}\n`);
  return place;
}
