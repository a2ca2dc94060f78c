// ortune search: trials of options, the table of what each reaches, and the best as a training run.

import type { Command } from 'commander';
import { stringify } from 'yaml';
import { readConfigFile } from '../config/load.js';
import { metricOfSearch, type SearchOptions, searchSchema } from '../config/search-schema.js';
import { formatDuration } from '../format.js';
import { ProgressLine } from '../report/progress.js';
import { searchText } from '../search/markdown.js';
import type { SearchResult } from '../search/result.js';
import type { SearchedTrial } from '../search/search.js';
import { describeChosen } from '../search/trials.js';
import { configOf, execute } from './command.js';
import { addOptions, printConfig, withFlags } from './flags.js';
import { progressStream, say } from './output.js';
import { sameCommand } from './resume-command.js';
import { showRun } from './series-progress.js';

type Flags = Readonly<Record<string, unknown>>;

export function addSearch(program: Command): void {
  const command = program
    .command('search')
    .description('try values of options in one training after another, and write the best as a training run')
    .argument('[config]', 'YAML or JSON file of options, space among them; flags override it');
  addOptions(command, searchSchema)
    .addOption(printConfig())
    .action((file: string | undefined, flags: Flags) =>
      execute(flags, async (signal) => {
        const base = file === undefined ? {} : readConfigFile(file);
        const config = configOf(searchSchema, base, flags, file);
        const given = withFlags(searchSchema, base, flags);
        if (flags.printConfig) return { json: config, text: stringify(config, { lineWidth: 0 }).trimEnd() };
        const result = await searchAloud(given as unknown as SearchOptions, metricOfSearch(config), signal);
        if (result.interrupted) say(`go on with: ${sameCommand(process.argv.slice(2), base.overwrite === true)}`);
        const text = searchText(result);
        if (flags.json) say(text);
        return { json: result, text };
      }),
    );
}

const titleOf = ({ chosen, steps }: SearchedTrial): string =>
  describeChosen(chosen) + (steps === undefined ? '' : `, ${steps} steps`);

async function searchAloud(options: SearchOptions, metric: string, signal: AbortSignal): Promise<SearchResult> {
  const { search } = await import('../search/search.js');
  const line = new ProgressLine(progressStream());
  const shown = new Set<string>();
  try {
    return await search(options, {
      signal,
      onRun: (trial, trainer) => {
        line.message(`run ${trial.number} of ${trial.of}: ${titleOf(trial)}`);
        showRun(trainer, line, shown);
      },
      onResult: (trial, { value, failed, seconds, known }, { best }) => {
        const when = known ? 'had been run' : `in ${formatDuration(seconds)}`;
        const reached =
          value === undefined ? `no ${metric}: ${failed ?? 'it is not finite'}` : `${metric} ${value.toFixed(4)}`;
        const ahead =
          best && best.name !== trial.name
            ? `; best so far ${best.value.toFixed(4)} (${describeChosen(best.chosen)})`
            : '';
        line.message(`${titleOf(trial)}: ${reached}, ${when}${ahead}`);
      },
    });
  } finally {
    line.stop();
  }
}
