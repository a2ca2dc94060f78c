// ortune retrieve: of a large corpus the texts that are nearest to those of a task.

import type { Command } from 'commander';
import { retrieveSchema } from '../config/retrieve-schema.js';
import { configOf, execute, type Result } from './command.js';
import { addOptions } from './flags.js';
import { say } from './output.js';

export function addRetrieve(program: Command): void {
  const command = program
    .command('retrieve')
    .description('choose the texts of a large corpus that are nearest to those of a task (BM25)')
    .argument('[data...]', 'files of the texts that others are wanted for');
  addOptions(command, retrieveSchema).action((data: string[], flags) =>
    execute(flags, async (signal): Promise<Result> => {
      const config = configOf(retrieveSchema, data.length > 0 ? { data } : {}, flags);
      const { retrieveTexts } = await import('../commands/retrieve.js');
      const found = await retrieveTexts(config, signal);
      for (const note of found.notes) say(`note: ${note}`);
      const { output, queries, documents, texts } = found;
      return { json: found, text: `${output}: ${texts} of ${documents} texts, for ${queries} others` };
    }),
  );
}
