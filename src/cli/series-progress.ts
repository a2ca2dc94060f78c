// What is shown of runs that follow each other: progress, and what is out of the ordinary; a note that every run has is
// said once.

import type { ProgressLine } from '../report/progress.js';
import { describeEvent } from '../report/run.js';
import type { Trainer } from '../train/trainer.js';

/** Shows the run of a trainer on a line; `shown`: the notes that have been said. */
export function showRun(trainer: Trainer, line: ProgressLine, shown: Set<string>): void {
  trainer.on('step', (event) => line.update(event));
  trainer.on('trunk', (event) => line.trunk(event));
  trainer.on('download', (event) => line.download(event));
  for (const name of ['resumed', 'skipped', 'stopped'] as const)
    trainer.on(name, (event) => {
      const text = describeEvent[name](event as never, trainer.config);
      if (text !== undefined) line.message(text);
    });
  trainer.on('warning', ({ message }) => {
    if (!shown.has(message)) line.message(`note: ${message}`);
    shown.add(message);
  });
}
