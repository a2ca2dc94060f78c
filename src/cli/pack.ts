// ortune pack: data decoded or tokenised once, as a file that training reads without doing so again.

import type { Command } from 'commander';
import { packSchema } from '../config/pack-schema.js';
import { formatBytes } from '../format.js';
import { ProgressLine } from '../report/progress.js';
import type { SkippedSample } from '../train/bad-samples.js';
import { configOf, execute, type Result } from './command.js';
import { addOptions } from './flags.js';
import { progressStream } from './output.js';
import { fullCommand } from './resume-command.js';

export function addPack(program: Command): void {
  const command = program
    .command('pack')
    .description('decode pictures or tokenise texts once, into a file that training reads as it is')
    .argument('[data...]', 'folders, files and globs, as train takes them');
  addOptions(command, packSchema).action((data: string[], flags) =>
    execute(flags, async (signal): Promise<Result> => {
      const config = configOf(packSchema, data.length > 0 ? { data } : {}, flags);
      const { pack } = await import('../commands/pack.js');
      const line = new ProgressLine(progressStream());
      const onProgress = (progress: Parameters<typeof line.pack>[0]): void => line.pack(progress);
      const onDownload = (event: Parameters<typeof line.download>[0]): void => line.download(event);
      try {
        const onSkipped = ({ place, reason }: SkippedSample): void =>
          line.message(`note: left out: ${place}: ${reason}`);
        const packed = await pack(config, { signal, onProgress, onDownload, onSkipped });
        if (!packed) {
          line.message(`go on with: ${fullCommand(process.argv.slice(2))}`);
          return { json: { output: config.output, interrupted: true } };
        }
        for (const note of packed.notes) line.message(`note: ${note}`);
        const { output, samples, bytes } = packed;
        return { json: packed, text: `${output}: ${samples} samples, ${formatBytes(bytes)}` };
      } finally {
        line.stop();
      }
    }),
  );
}
