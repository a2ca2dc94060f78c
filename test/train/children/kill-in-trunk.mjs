// Ends by SIGKILL while the activations of a frozen trunk are computed. Argument: options of a run, as JSON.

import { Trainer } from '#ortune/train/trainer.js';

const trainer = new Trainer(JSON.parse(process.argv[2]));
trainer.on('trunk', ({ done }) => {
  if (done > 30) process.kill(process.pid, 'SIGKILL');
});
await trainer.run();
