// Writes a checkpoint of step 2 in a directory where not everything is permitted, as a user to whom that applies.
//   node forbidden.mjs DIRECTORY
// Prints the message of what came of it.

import { writeCheckpoint } from '#ortune/checkpoint/write.js';
import { encodeHeader } from '#ortune/files/safetensors.js';

const [directory] = process.argv.slice(2);
if (process.getuid() === 0) process.seteuid(65534);
const empty = [encodeHeader([], {})];
const tensors = { 'model.safetensors': empty, 'optimizer.safetensors': empty };
const state = JSON.stringify({ format: 1, step: 2, state: {} });
try {
  writeCheckpoint({ directory, step: 2, keep: { limit: 1 }, state, tensors });
} catch (error) {
  process.stdout.write(`${error.name}: ${error.message}`);
}
