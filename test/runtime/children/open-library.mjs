// open-library.mjs PATH: opens that file as the runtime's library and prints what is said about it.

import { addon } from '#ortune/runtime/native.js';

try {
  await addon().openDevice(process.argv[2], 1);
  console.log(JSON.stringify({ message: 'no error' }));
} catch (error) {
  console.log(JSON.stringify({ message: error.message }));
}
