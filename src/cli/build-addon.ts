// ortune build-addon: builds the native addon on this machine, for platforms without a ready one and for people who
// want their own. What is built wins over the package's (runtime/addon-file.ts).

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../built.js';
import { OrtuneError } from '../errors.js';
import { execute } from './command.js';
import { addOutputFlags } from './flags.js';

export function addBuildAddon(program: Command): void {
  const command = program
    .command('build-addon')
    .description('build the native addon from source, where there is no ready one; needs CMake and a C++17 compiler')
    .option('--verbose', 'print what CMake and the compiler say');
  addOutputFlags(command).action((flags) =>
    execute(flags, async () => {
      const script = path.join(packageRoot, 'scripts/build-native.mjs');
      const args = flags.verbose ? [script, '--force', '--verbose'] : [script, '--force'];
      // For people; stdout is for the command's own object.
      const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
      if (status !== 0) throw new OrtuneError('the addon was not built; what is missing is said above');
      const addon = path.join(packageRoot, 'build/Release/ortune.node');
      return { json: { addon }, text: `built ${addon}` };
    }),
  );
}
