// ortune compare: the same data and budget under several strategies and seeds, and the table of what each reaches.

import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { ComparedRun } from '../compare/compare.js';
import { comparisonText } from '../compare/markdown.js';
import type { CompareResult } from '../compare/result.js';
import { type CompareConfig, compareSchema } from '../config/compare-schema.js';
import { readConfigFile } from '../config/load.js';
import { formatDuration } from '../format.js';
import { ProgressLine } from '../report/progress.js';
import { configOf, execute } from './command.js';
import { addOptions, printConfig } from './flags.js';
import { progressStream, say } from './output.js';
import { sameCommand } from './resume-command.js';
import { showRun } from './series-progress.js';

type Flags = Readonly<Record<string, unknown>>;

export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description('train with several strategies and seeds on the same data and budget, and compare what they reach')
    .argument('[config]', 'YAML or JSON file of options; flags override it');
  addOptions(command, compareSchema)
    .addOption(printConfig())
    .action((file: string | undefined, flags: Flags) =>
      execute(flags, async (signal) => {
        const base = file === undefined ? {} : readConfigFile(file);
        const config = configOf(compareSchema, base, flags, file);
        if (flags.printConfig) return { json: config, text: stringify(config, { lineWidth: 0 }).trimEnd() };
        const result = await compareAloud(config, signal);
        if (result.interrupted) say(`go on with: ${sameCommand(process.argv.slice(2), base.overwrite === true)}`);
        const text = comparisonText(result);
        if (flags.json) say(text);
        return { json: result, text };
      }),
    );
}

const titleOf = ({ strategy, seed, prepares }: ComparedRun): string =>
  `${strategy}${prepares ? ', first part' : ''}, seed ${seed}`;

async function compareAloud(config: CompareConfig, signal: AbortSignal): Promise<CompareResult> {
  const { compare } = await import('../compare/compare.js');
  const line = new ProgressLine(progressStream());
  const shown = new Set<string>();
  try {
    return await compare(config as Parameters<typeof compare>[0], {
      signal,
      onRun: (run, trainer) => {
        line.message(`run ${run.number} of ${run.of}: ${titleOf(run)}`);
        showRun(trainer, line, shown);
      },
      onRetrieved: ({ texts, documents, notes }) => {
        line.message(`${texts} of ${documents} texts retrieved`);
        for (const note of notes) line.message(`note: ${note}`);
      },
      onResult: (run, { value, seconds, known }) => {
        const when = known ? 'had been run' : `in ${formatDuration(seconds)}`;
        line.message(`${titleOf(run)}: ${config.metric} ${value.toFixed(4)}, ${when}`);
      },
    });
  } finally {
    line.stop();
  }
}
