// The command line: which commands there are. Each has a file of its own that loads its work when it runs, so that
// help and wrong usage answer at once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../built.js';
import { printable } from '../quote.js';
import { addBench } from './bench.js';
import { addBuild } from './build.js';
import { addBuildAddon } from './build-addon.js';
import { addCompare } from './compare.js';
import { addDevices } from './devices.js';
import { addEmbed } from './embed.js';
import { addEval } from './eval.js';
import { addGradcheck } from './gradcheck.js';
import { addInspect } from './inspect.js';
import { addLrFind } from './lr-find.js';
import { addMerge } from './merge.js';
import { addMine } from './mine.js';
import { write } from './output.js';
import { addPack } from './pack.js';
import { addPredict } from './predict.js';
import { addPreview } from './preview.js';
import { addRetrieve } from './retrieve.js';
import { addTrain } from './train.js';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('ortune')
  .description('Fine-tunes exported ONNX models in Node.js.')
  .version(version)
  .showHelpAfterError('(--help lists what there is)')
  .exitOverride()
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .configureHelp({ helpWidth: 110 });
// Commands made from here on inherit the settings above.
for (const add of [
  addTrain,
  addCompare,
  addLrFind,
  addEval,
  addPredict,
  addEmbed,
  addMine,
  addBuild,
  addRetrieve,
  addMerge,
  addPreview,
  addInspect,
  addGradcheck,
  addPack,
  addBench,
  addDevices,
  addBuildAddon,
])
  add(program);

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
