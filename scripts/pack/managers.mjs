// The package managers that scripts/pack/check.mjs installs with, each in a version of its own from the registry: the
// files that a project of it has, the command that installs, and the one that runs ortune in the project.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const versions = { pnpm: '12.21.0', yarn: '1.22.22', '@yarnpkg/cli-dist': '4.18.1', '@oven/bun-linux-x64': '1.4.5' };

/** Node by its major version; the first is the lowest that `engines` names. */
export const nodes = { 20.17: '20.17.0', 22: '22.23.5', 24: '24.22.3' };

const npmCli = createRequire(process.execPath).resolve(
  path.join(path.dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
);

const run = (file, args, options) => spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options });

/** Installs managers and Nodes into `folder`; their own install scripts are not needed. */
export function installTools(folder) {
  mkdirSync(folder, { recursive: true });
  const dependencies = { ...versions };
  for (const [name, version] of Object.entries(nodes))
    dependencies[`node-${name}`] = `npm:node-${process.platform}-${process.arch}@${version}`;
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--legacy-peer-deps'];
  const { status, stderr } = run(process.execPath, [npmCli, 'install', ...flags], { cwd: folder });
  if (status !== 0) throw new Error(`the package managers were not installed:\n${stderr}`);
  const at = (name, file) => path.join(folder, 'node_modules', name, file);
  return {
    node: (name) => at(`node-${name}`, 'bin/node'),
    cli: {
      npm: npmCli,
      pnpm: at('pnpm', 'bin/pnpm.mjs'),
      yarn: at('yarn', 'bin/yarn.js'),
      berry: at('@yarnpkg/cli-dist', 'bin/yarn.js'),
      bun: at('@oven/bun-linux-x64', 'bin/bun'),
    },
  };
}

/** The registry that packages of others come from: npm's own setting. */
export const registry = run(process.execPath, [npmCli, 'config', 'get', 'registry']).stdout.trim();

const npmrc = (own) => `registry=${registry}\n@ortune:registry=${own}\n`;

const berryrc = (own, linker) => `nodeLinker: ${linker}
npmRegistryServer: ${JSON.stringify(registry)}
npmScopes: { ortune: { npmRegistryServer: ${JSON.stringify(own.replace(/\/$/, ''))} } }
unsafeHttpWhitelist: ["127.0.0.1"]
enableTelemetry: false
enableGlobalCache: false
`;

/**
 * `configure`: files of a project; `install`: arguments; `cache`: further ones, to keep what was fetched in a folder;
 * `ortune`: what runs the command. Managers run under Node, except bun.
 */
export const managers = {
  npm: {
    configure: (own) => ({ '.npmrc': npmrc(own) }),
    install: ['install', '--no-audit', '--no-fund'],
    cache: (folder) => ['--cache', folder],
    ortune: ['exec', '--', 'ortune'],
  },
  pnpm: {
    configure: (own) => ({ '.npmrc': npmrc(own), 'pnpm-workspace.yaml': 'packages: []\n' }),
    install: ['install'],
    cache: (folder) => ['--store-dir', folder],
    ortune: ['exec', 'ortune'],
  },
  yarn: {
    configure: (own) => ({ '.npmrc': npmrc(own), '.yarnrc': `registry "${registry}"\n` }),
    install: ['install', '--non-interactive'],
    cache: (folder) => ['--cache-folder', folder],
    ortune: ['--silent', 'run', 'ortune'],
  },
  berry: {
    cli: 'berry',
    configure: (own) => ({ '.yarnrc.yml': berryrc(own, 'node-modules'), 'yarn.lock': '' }),
    install: ['install', '--no-immutable'],
    // This yarn has a setting in the place of a flag.
    ignoreScripts: { YARN_ENABLE_SCRIPTS: '0' },
    ortune: ['run', 'ortune'],
  },
  'berry-pnp': {
    cli: 'berry',
    configure: (own) => ({ '.yarnrc.yml': berryrc(own, 'pnp'), 'yarn.lock': '' }),
    install: ['install', '--no-immutable'],
    ignoreScripts: { YARN_ENABLE_SCRIPTS: '0' },
    ortune: ['run', 'ortune'],
  },
  bun: {
    configure: (own) => ({ '.npmrc': npmrc(own) }),
    install: ['install'],
    cache: (folder) => ['--cache-dir', folder],
    ortune: ['x', '--no-install', 'ortune'],
  },
};
