// ortune preview: training pictures and what augmentation makes of them, as a PNG.

import type { Command } from 'commander';
import { readConfigFile } from '../config/load.js';
import { listOptions } from '../config/options.js';
import { previewSchema } from '../config/preview-schema.js';
import { configOf, execute } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';

export function addPreview(program: Command): void {
  const command = program
    .command('preview')
    .description('write a PNG of training pictures and what augmentation makes of them')
    .argument('[config]', 'YAML or JSON file of a training run, of which the options of pictures are read');
  addOptions(command, previewSchema).action((file: string | undefined, flags) =>
    execute(flags, async (signal) => {
      const config = configOf(previewSchema, file === undefined ? {} : ofPictures(readConfigFile(file)), flags, file);
      const { preview } = await import('../commands/preview.js');
      const made = await showDownload((onDownload) => preview(config, { signal, onDownload }));
      return { json: made, text: `${made.output}: ${made.pictures} pictures, ${made.variants} variants of each` };
    }),
  );
}

const known = new Set(listOptions(previewSchema).map(({ key }) => key));

/** What a training run says of its pictures; where it writes to is its own. */
const ofPictures = (run: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(run).filter(([key]) => known.has(key) && key !== 'output'));
