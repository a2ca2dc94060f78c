// ortune lr-find: a range test of learning rates for the run that the options describe.

import type { Command } from 'commander';
import { readConfigFile } from '../config/load.js';
import { lrFindSchema, ofRun } from '../config/lr-find-schema.js';
import { ProgressLine } from '../report/progress.js';
import { ratesText } from '../report/rates-text.js';
import { configOf, execute } from './command.js';
import { addOptions } from './flags.js';
import { progressStream, say } from './output.js';

export function addLrFind(program: Command): void {
  const command = program
    .command('lr-find')
    .description('find a learning rate: some steps of a run at growing rates, of which nothing is kept')
    .argument('[config]', 'YAML or JSON file of a training run; flags override it');
  addOptions(command, lrFindSchema).action((file: string | undefined, flags) =>
    execute(flags, async (signal) => {
      const config = configOf(lrFindSchema, file === undefined ? {} : ofRun(readConfigFile(file)), flags, file);
      const { findLearningRate } = await import('../commands/lr-find.js');
      const line = new ProgressLine(progressStream());
      try {
        const rates = await findLearningRate(config as Parameters<typeof findLearningRate>[0], {
          signal,
          onStep: (event) => line.update(event),
          onDownload: (event) => line.download(event),
          onWarning: (message) => line.message(`note: ${message}`),
        });
        line.stop();
        const text = ratesText(rates);
        if (flags.json) say(text);
        return { json: rates, text };
      } finally {
        line.stop();
      }
    }),
  );
}
