// two-runtimes.mjs FOLDER: loads the stock binding of another folder first, then opens ortune's device.

import { createRequire } from 'node:module';
import path from 'node:path';
import { openDevice } from '#ortune/runtime/session.js';

createRequire(import.meta.url)(path.join(process.argv[2], 'onnxruntime_binding.node'));
try {
  await openDevice('cpu');
  console.log(JSON.stringify({ message: 'no error' }));
} catch (error) {
  console.log(JSON.stringify({ message: error.message }));
}
