// Writes checkpoints of steps 1, 2, … whose state.json has the given sizes in bytes, under a limit set by the shell.
//   node limited.mjs DIRECTORY BYTES...
// Prints, as JSON, what came of each: its message, or null when it was written.

import { CheckpointWriter } from '#ortune/checkpoint/store.js';
import { tensors } from './tensors.mjs';

const [directory, ...sizes] = process.argv.slice(2);
const writer = new CheckpointWriter(directory, tensors(100));
const messages = [];
for (const [i, bytes] of sizes.entries()) {
  const { written } = await writer.snapshot(i + 1, { filling: 'x'.repeat(Number(bytes)) }, { limit: 9 });
  messages.push(
    await written.then(
      () => null,
      (error) => `${error.name}: ${error.message}`,
    ),
  );
}
await writer.close();
process.stdout.write(JSON.stringify(messages));
