// exhausted-update.mjs OPTIONS FILE: trains with these options (JSON); FILE appears just before the first update of the
// weights, and the driver for tests takes it for the sign to refuse memory. Prints how the run ended.

import { writeFileSync } from 'node:fs';
import { Optimizer } from '#ortune/optim/optimizer.js';
import { Trainer } from '#ortune/train/trainer.js';

const [options, file] = process.argv.slice(2);
const { update } = Optimizer.prototype;
Optimizer.prototype.update = function (...numbers) {
  writeFileSync(file, '');
  return update.apply(this, numbers);
};
const ended = await new Trainer(JSON.parse(options)).run().then(
  () => ({}),
  ({ name, message }) => ({ name, message }),
);
console.log(JSON.stringify(ended));
