// ortune train: a run from a configuration file, flags, or both.

import type { Command } from 'commander';
import { stringify } from 'yaml';
import { readConfigFile } from '../config/load.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import { UsageError } from '../errors.js';
import type { TrainerEvents } from '../events.js';
import { ProgressLine } from '../report/progress.js';
import { describeEvent, summary } from '../report/run.js';
import { configOf, execute, type Result } from './command.js';
import { addOptions, outputFlags, printConfig } from './flags.js';
import { progressStream } from './output.js';
import { resumeCommand } from './resume-command.js';

type Flags = Readonly<Record<string, unknown>>;

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('train a model on labelled data and write it as a model directory')
    .argument('[config]', 'YAML or JSON file of options; flags override it');
  addOptions(command, trainSchema)
    .addOption(printConfig())
    .action((file: string | undefined, flags: Flags) =>
      execute(flags, async (signal) => {
        if (process.argv.slice(2).every((arg) => arg === 'train' || outputFlags.includes(arg)))
          throw new UsageError(shortest);
        const base = file === undefined ? {} : readConfigFile(file);
        if (file === undefined) refuseFileAsCheckpoint(flags.resume);
        const config = configOf(trainSchema, base, flags, file);
        if (flags.printConfig) return { json: config, text: stringify(config, { lineWidth: 0 }).trimEnd() };
        return train(config, signal, () => resumeCommand(process.argv.slice(2), base.overwrite === true));
      }),
    );
}

/** What `ortune train` alone says. */
const shortest = `there is nothing to train yet. The shortest line that works:

  ortune train --model tiny-en --train mails.csv --output runs/first

mails.csv has a column 'text' and a column 'label'; tiny-en is a small model of English that comes with ortune.
ortune train --help lists the options, those that matter first; ortune help train OPTION says all about one.`;

/** `train --resume run.yaml`: the value of --resume may be left out, so the file after it is taken for one. */
function refuseFileAsCheckpoint(resume: unknown): void {
  if (typeof resume === 'string' && /\.(ya?ml|json)$/i.test(resume))
    throw new UsageError(
      `--resume takes '${resume}' for the checkpoint; write the configuration file first: ortune train ${resume} --resume`,
    );
}

async function train(config: TrainConfig, signal: AbortSignal, resume: () => string): Promise<Result> {
  const line = new ProgressLine(progressStream());
  // Before the rest is even loaded: whoever waits knows for what.
  line.message(
    `opening ${config.model}, reading ${config.train.slice(0, 3).join(', ')}${config.train.length > 3 ? ', …' : ''}`,
  );
  const { Trainer } = await import('../train/trainer.js');
  const trainer = new Trainer(config);
  const showEvent = <E extends keyof typeof describeEvent>(name: E): void => {
    trainer.on(name, (event: TrainerEvents[E]) => {
      const text = describeEvent[name](event, config);
      if (text !== undefined) line.message(text);
    });
  };
  for (const name of Object.keys(describeEvent) as (keyof typeof describeEvent)[]) showEvent(name);
  trainer.on('step', (event) => line.update(event));
  trainer.on('trunk', (event) => line.trunk(event));
  trainer.on('download', (event) => line.download(event));
  try {
    const result = await trainer.run({ signal });
    line.message(summary(result));
    if (result.interrupted && result.checkpoint !== undefined) line.message(`go on with: ${resume()}`);
    return { json: result };
  } finally {
    line.stop();
  }
}
