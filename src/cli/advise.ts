// ortune advise: what data and model say of themselves, and what to do with them.

import type { Command } from 'commander';
import type { Advice } from '../advise/advice.js';
import { type AdviseConfig, adviseSchema } from '../config/advise-schema.js';
import { readConfigFile } from '../config/load.js';
import { ProgressLine } from '../report/progress.js';
import { configOf, execute } from './command.js';
import { addOptions } from './flags.js';
import { progressStream, say } from './output.js';

export function addAdvise(program: Command): void {
  const command = program
    .command('advise')
    .description('look at model and data: how good the labels are, how far frozen features go, and what to do')
    .argument('[config]', 'YAML or JSON file of a training run; flags override it');
  addOptions(command, adviseSchema).action((file: string | undefined, flags) =>
    execute(flags, async (signal) => {
      const base = file === undefined ? {} : readConfigFile(file);
      const advice = await adviseAloud(configOf(adviseSchema, base, flags, file), signal);
      const text = textOf(advice);
      if (flags.json) say(text);
      return { json: advice, text };
    }),
  );
}

async function adviseAloud(config: AdviseConfig, signal: AbortSignal): Promise<Advice> {
  const { advise } = await import('../advise/advise.js');
  const line = new ProgressLine(progressStream());
  let said: string | undefined;
  try {
    return await advise(config, {
      signal,
      onNote: (note) => line.message(`note: ${note}`),
      onProgress: (what, done, of) => {
        if (said !== what) line.message(what);
        said = what;
        if (done > 0) line.count(what, done, of);
      },
    });
  } finally {
    line.stop();
  }
}

/** Of the labels that are likely wrong so many are shown. */
const shown = 10;

function textOf({ sentences, labelIssues, output }: Advice): string {
  const rows = (labelIssues?.reliable ? labelIssues.rows : [])
    .slice(0, shown)
    .map(({ place, given, suggested, margin }) => {
      return `  ${margin.toFixed(2)}  ${place}: ${given}, rather ${suggested}`;
    });
  const issues = rows.length === 0 ? [] : ['', 'Labels that are likely wrong:', ...rows];
  return [...sentences, ...issues, '', `Written to ${output}`].join('\n');
}
