// The commands of whichever package manager a project uses, for messages that say what to run: the one that started
// this process, else the one whose lock file is nearest above the working directory, else npm.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { packageManagerAgent } from './environment.js';

interface Commands {
  /** What its lock file may be called. */
  locks: readonly string[];
  add: string;
  /** Before the name of a development dependency. */
  addDevelopment: string;
  /** Before the name of a package's command. */
  run: string;
}

const managers = {
  npm: {
    locks: ['package-lock.json', 'npm-shrinkwrap.json'],
    add: 'npm install',
    addDevelopment: 'npm install --save-dev',
    run: 'npx',
  },
  pnpm: { locks: ['pnpm-lock.yaml'], add: 'pnpm add', addDevelopment: 'pnpm add --save-dev', run: 'pnpm exec' },
  yarn: { locks: ['yarn.lock'], add: 'yarn add', addDevelopment: 'yarn add --dev', run: 'yarn' },
  bun: { locks: ['bun.lock', 'bun.lockb'], add: 'bun add', addDevelopment: 'bun add --dev', run: 'bunx' },
} as const satisfies Record<string, Commands>;

type Manager = keyof typeof managers;

function byLockFile(from: string): Manager | undefined {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    for (const [name, { locks }] of Object.entries(managers))
      if (locks.some((lock) => existsSync(path.join(folder, lock)))) return name as Manager;
    if (folder === path.dirname(folder)) return undefined;
  }
}

function commands(): Commands {
  const agent = packageManagerAgent()?.split('/')[0];
  if (agent !== undefined && Object.hasOwn(managers, agent)) return managers[agent as Manager];
  return managers[byLockFile(process.cwd()) ?? 'npm'];
}

/** The command that adds packages to the project. */
export const toInstall = (...packages: string[]): string => `${commands().add} ${packages.join(' ')}`;

/** The same, for packages that are needed to build. */
export const toInstallForBuilding = (...packages: string[]): string =>
  `${commands().addDevelopment} ${packages.join(' ')}`;

/** The command that runs ortune's own: `toRun('build-addon')`. */
export const toRun = (command: string): string => `${commands().run} ortune ${command}`;
