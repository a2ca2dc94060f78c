// The command line: which commands there are. Each has a file of its own that loads its work when it runs, so that
// help and wrong usage answer at once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../built.js';
import { printable } from '../quote.js';
import { addAdvise } from './advise.js';
import { addBench } from './bench.js';
import { addBuild } from './build.js';
import { addBuildAddon } from './build-addon.js';
import { addCompare } from './compare.js';
import { addCompletion } from './completion.js';
import { addDevices } from './devices.js';
import { addEmbed } from './embed.js';
import { addEval } from './eval.js';
import { generalHeading } from './flags.js';
import { addGradcheck } from './gradcheck.js';
import { addHelp, layOutHelp } from './help.js';
import { addInspect } from './inspect.js';
import { addLrFind } from './lr-find.js';
import { addMerge } from './merge.js';
import { addMine } from './mine.js';
import { write } from './output.js';
import { addPack } from './pack.js';
import { addPredict } from './predict.js';
import { addPreview } from './preview.js';
import { addRetrieve } from './retrieve.js';
import { addSearch } from './search.js';
import { addTrain } from './train.js';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

const program = layOutHelp(
  new Command('ortune')
    .description('Fine-tunes exported ONNX models in Node.js.')
    .optionsGroup(generalHeading)
    .version(version, '-V, --version', 'show the version')
    .showHelpAfterError('(--help lists what there is)')
    .exitOverride()
    .configureOutput({ outputError: (text, print) => print(printable(text)) }),
);

// Commands made from here on inherit the settings above.
const commands = {
  'Train:': [addTrain, addCompare, addSearch, addLrFind, addAdvise, addPreview, addPack, addBuild, addRetrieve],
  'Use what was trained:': [addEval, addPredict, addEmbed, addMine, addMerge],
  'Look into a model:': [addInspect, addGradcheck],
  'This machine:': [addBench, addDevices, addBuildAddon],
  'Help:': [addCompletion, addHelp],
};
for (const [heading, adds] of Object.entries(commands)) {
  program.commandsGroup(heading);
  for (const add of adds) add(program);
}

/** Runs the command that the arguments name; commands end the process themselves, help and wrong usage do not. */
export async function runProgram(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (process.exitCode !== 0 && process.argv.includes('--json'))
      await write(JSON.stringify({ error: { name: 'UsageError', message: error.message.replace(/^error: /, '') } }));
  }
  if (!(await write('')) && process.exitCode === 0) process.exitCode = 1;
}
