// Writes one checkpoint after the other, filled with a count that goes on from the latest one, until it is killed.
//   node writing.mjs DIRECTORY LENGTH next|same
// Prints every count when its checkpoint is written.

import { CheckpointWriter, listCheckpoints, loadCheckpoint } from '#ortune/checkpoint/store.js';
import { tensors } from './tensors.mjs';

const [directory, length, mode] = process.argv.slice(2);
const sources = tensors(Number(length));
const latest = (await listCheckpoints(directory)).at(-1);
let count = latest ? (await loadCheckpoint(latest.path, sources)).count : 0;
const writer = new CheckpointWriter(directory, sources);
for (;;) {
  count++;
  for (const { data } of sources) data.fill(count);
  const { written } = await writer.snapshot(mode === 'same' ? 7 : count, { count }, { limit: 2 });
  await written;
  process.stdout.write(`${count}\n`);
}
