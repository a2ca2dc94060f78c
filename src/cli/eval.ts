// ortune eval: the metrics of a model directory on labelled data.

import type { Command } from 'commander';
import { evalSchema } from '../config/schema.js';
import { taskNamed } from '../tasks/tasks.js';
import { configOf, execute } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';
import { say } from './output.js';

export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('measure a model on labelled data')
    .argument('[model]', 'model directory, .onnx file or hub name')
    .argument('[data]', 'file with texts and labels, a folder of pictures by class, or a glob');
  addOptions(command, evalSchema).action((model: string | undefined, data: string | undefined, flags) =>
    execute(flags, async (signal) => {
      const config = configOf(evalSchema, { ...(model && { model }), ...(data && { data }) }, flags);
      const { evaluate } = await import('../train/evaluate.js');
      const result = await showDownload((onDownload) => evaluate(config, { signal, onDownload }));
      const { samples } = result.metrics;
      for (const { place, reason } of result.badSamples) say(`note: left out: ${place}: ${reason}`);
      if (result.truncated > 0)
        say(`note: ${result.truncated} of ${samples} texts were longer than the model reads and were cut`);
      const notes = result.notes.map((note) => `note: ${note}`);
      const report = taskNamed(result.task).report(result.metrics);
      return { json: result, text: notes.length > 0 ? `${report}\n\n${notes.join('\n')}` : report };
    }),
  );
}
