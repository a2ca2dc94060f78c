#!/usr/bin/env node
// Proves that what is published can be installed and used: packs it, and installs the tarballs into an empty project
// with npm, pnpm, both yarns and bun, under the Nodes that `engines` allows, on a path without a compiler; then trains,
// evaluates and predicts there with the command. Prints a table: MB, packages, install scripts, seconds.
//   npm run pack:check [-- --only npm,bun] [--together] [--node 22] [--runtime 1.27.0] [--addons FOLDER] [--keep]
//     [--build-addon]
// Then two versions of the runtime in one process, in either order (with --only: where --together asks for it).
// --runtime adds that version of onnxruntime-node to the application; --addons: those of all platforms (pack.mjs);
// --build-addon: once with each manager the addon is also built, with a compiler on the path and by the commands that
// ortune itself names, and used; some minutes each.
// Linux x64; needs the npm registry, some 2 GB of disk and five minutes.

import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { installTools, managers } from './managers.mjs';
import { startRegistry } from './registry.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    node: { type: 'string' },
    runtime: { type: 'string' },
    addons: { type: 'string' },
    together: { type: 'boolean' },
    'build-addon': { type: 'boolean' },
    keep: { type: 'boolean' },
  },
});

/** Manager, Node, and whether install scripts are switched off; a manager's first has an empty cache. */
const cases = [
  ['npm', '22', false],
  ['npm', '22', true],
  ['npm', '24', true],
  ['npm', '20.17', true],
  ['pnpm', '22', false],
  ['pnpm', '24', true],
  ['yarn', '22', false],
  ['yarn', '24', true],
  ['berry', '22', false],
  ['berry', '24', true],
  ['berry-pnp', '24', true],
  ['bun', '22', false],
  ['bun', '24', true],
].filter(
  ([manager, node]) =>
    (!flags.only || flags.only.split(',').includes(manager)) && (!flags.node || flags.node.split(',').includes(node)),
);

const work = mkdtempSync(path.join(tmpdir(), 'ortune-pack-check-'));
const tools = installTools(path.join(work, 'tools'));

/** A folder of commands without compiler and CMake: a shell, what start scripts of packages call, and this Node. */
function commandFolder(node) {
  const folder = path.join(work, `bin-${node}`);
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  for (const name of ['sh', 'env', 'uname', 'sed', 'dirname', 'basename', 'readlink', 'cat', 'nice']) {
    const file = ['/bin', '/usr/bin'].map((at) => path.join(at, name)).find(existsSync);
    if (file) symlinkSync(file, path.join(folder, name));
  }
  symlinkSync(tools.node(node), path.join(folder, 'node'));
  return folder;
}

function environment(node, more = {}) {
  const env = { HOME: path.join(work, 'home'), PATH: commandFolder(node), CI: '1', ORTUNE_THREADS: '2', ...more };
  // What lets a registry be reached from here.
  for (const [name, value] of Object.entries(process.env))
    if (/^(https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_file)$/i.test(name)) env[name] = value;
  env.no_proxy = env.NO_PROXY = [env.no_proxy ?? env.NO_PROXY, '127.0.0.1'].filter(Boolean).join(',');
  return env;
}

// Not spawnSync, since the registry answers in this process.
async function execute(file, args, cwd, env) {
  const started = performance.now();
  const { stdout, stderr } = await promisify(execFile)(file, args, { cwd, env, maxBuffer: 1 << 26 }).catch((error) => {
    const command = [path.basename(file), ...args].join(' ');
    throw new Error(`${command} failed in ${cwd} (${error.code}):\n${error.stdout}\n${error.stderr}`);
  });
  return { stdout, stderr, seconds: (performance.now() - started) / 1000 };
}

/** The JSON object that --json prints last; some managers add a line of their own. */
const lastObject = (stdout) => JSON.parse(stdout.split('\n').findLast((line) => line.startsWith('{')));

/** Megabytes, packages, and those with scripts that run at an install, of everything below a folder. */
function survey(folder) {
  const found = { bytes: 0, packages: new Set(), scripts: new Set() };
  const seen = new Set();
  const visit = (at) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const file = path.join(at, entry.name);
      if (entry.isSymbolicLink()) continue;
      if (entry.isDirectory()) visit(file);
      else {
        const { ino, blocks } = statSync(file);
        if (!seen.has(ino)) found.bytes += blocks * 512;
        seen.add(ino);
        if (entry.name === 'package.json' && /node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+$/.test(at)) note(file);
      }
    }
  };
  const note = (file) => {
    const { name, version, scripts = {} } = JSON.parse(readFileSync(file, 'utf8'));
    if (!name || !version) return;
    found.packages.add(`${name}@${version}`);
    if (scripts.preinstall || scripts.install || scripts.postinstall) found.scripts.add(name);
  };
  if (existsSync(folder)) visit(folder);
  return found;
}

const lines = (from, count) =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify(
      (i + from) % 2
        ? { text: `cheap pills number ${i + from}, order now and win`, label: 'spam' }
        : { text: `the meeting about plan ${i + from} is moved to monday`, label: 'ham' },
    ),
  ).join('\n');

async function check([name, node, ignoreScripts]) {
  const {
    cli = name,
    configure,
    install,
    cache: inFolder = () => [],
    ortune,
    ignoreScripts: byVariable,
  } = managers[name];
  const project = mkdtempSync(path.join(work, `${name}-`));
  const dependencies = {
    ortune: `file:${registry.main.file}`,
    '@ortune/model-tiny-en': registry.main.manifest.version,
    ...(flags.runtime && { 'onnxruntime-node': flags.runtime }),
  };
  const files = {
    'package.json': JSON.stringify({ name: 'application', version: '1.0.0', private: true, dependencies }),
    'train.jsonl': lines(0, 32),
    'dev.jsonl': lines(32, 8),
    ...configure(registry.url),
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(project, file), text);

  const env = environment(node, ignoreScripts ? byVariable : {});
  const program = cli === 'bun' ? tools.cli.bun : tools.node(node);
  const script = cli === 'bun' ? [] : [tools.cli[cli]];
  const withFlag = ignoreScripts && !byVariable ? ['--ignore-scripts'] : [];
  const cache = path.join(work, `cache-${name}`);
  const cold = !existsSync(cache);
  mkdirSync(cache, { recursive: true });
  const installed = await execute(program, [...script, ...install, ...inFolder(cache), ...withFlag], project, env);
  const { bytes, packages, scripts } = survey(path.join(project, 'node_modules'));

  const say = async (...args) => {
    const { stdout, seconds } = await execute(program, [...script, ...ortune, ...args, '--json'], project, env);
    return { ...lastObject(stdout), took: seconds };
  };
  const options = ['--epochs', '6', '--batch-size', '8', '--learning-rate', '1e-3', '--max-length', '32'];
  const data = ['--train', 'train.jsonl', '--eval', 'dev.jsonl'];
  const trained = await say('train', '--model', 'tiny-en', ...data, '--output', 'run', ...options);
  const { metrics } = await say('eval', 'run/model', 'dev.jsonl');
  const predicted = await say('predict', 'run/model', 'cheap pills, order now', 'the meeting is moved');
  const labels = predicted.predictions.map(({ label }) => label);
  if (metrics.accuracy !== 1 || labels.join() !== 'spam,ham')
    throw new Error(`${name}: accuracy ${metrics.accuracy}, predicted ${labels.join()}`);
  if (flags['build-addon'] && cold) {
    const { addon } = await buildAddon({ cli, program, script, ortune, project, env, toAdd: inFolder(cache) });
    console.error(`${name} with Node ${node}: built ${addon}`);
    await say('predict', 'run/model', 'cheap pills, order now');
  }
  return {
    manager: name,
    node,
    scripts: ignoreScripts ? 'off' : 'default',
    MB: Math.round(bytes / 1e6) || '(zip)',
    packages: packages.size || '(zip)',
    'with install scripts': [...scripts].join(' ') || 0,
    cache: cold ? 'empty' : 'full',
    'install s': installed.seconds.toFixed(1),
    'train s': trained.took.toFixed(1),
    accuracy: metrics.accuracy,
    predicted: labels.join(' '),
  };
}

/**
 * Builds the addon in a project by nothing but the commands that ortune names: one that installs what building needs,
 * then its own again.
 */
async function buildAddon({ cli, program, script, ortune, project, env, toAdd }) {
  const withCompiler = { ...env, ...compilerSettings(), PATH: `${env.PATH}:/usr/bin:/bin` };
  // What the manager calls its own command for packages' commands.
  const runners = { npx: ['exec', '--'], bunx: ['x'] };
  const follow = (line, more) => {
    const [first, ...rest] = line.split(' ');
    const args = first in runners ? [...runners[first], ...rest] : rest;
    if (!(first in runners) && first !== (cli === 'berry' ? 'yarn' : cli))
      throw new Error(`ortune names another package manager's command: ${line}`);
    return execute(program, [...script, ...args, ...more], project, withCompiler);
  };
  const refused = await execute(program, [...script, ...ortune, 'build-addon'], project, withCompiler).then(
    () => '',
    (error) => error.message,
  );
  const [add, again] = [...refused.matchAll(/^ {4}(\S.*)$/gm)].map(([, line]) => line);
  if (!add || !again) throw new Error(`build-addon does not say what is missing: ${refused || 'no refusal'}`);
  await follow(add, toAdd);
  return lastObject((await follow(again, ['--json'])).stdout);
}

/** Variables of CMake and its compiler that are set here, such as CXX and CMAKE_CXX_COMPILER_LAUNCHER. */
const compilerSettings = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(CXX|CXXFLAGS|CMAKE_|CCACHE_)/.test(name)));

/**
 * An application whose own onnxruntime-node is of another version, where ortune does not see it: `first` has loaded the
 * runtime when the other comes. Returns the error's text, '' where both work.
 */
async function together(first, version) {
  const project = mkdtempSync(path.join(work, 'together-'));
  const dependencies = {
    ortune: `file:${registry.main.file}`,
    '@ortune/model-tiny-en': registry.main.manifest.version,
    other: `npm:onnxruntime-node@${version}`,
  };
  const steps = {
    ortune: `await new Trainer({ model: 'tiny-en', train: 'train.jsonl', output: 'run', maxSteps: 1 }).run();`,
    other: `createRequire(import.meta.url)('other');`,
  };
  const second = first === 'ortune' ? 'other' : 'ortune';
  const program = `import { createRequire } from 'node:module';
    import { Trainer } from 'ortune';
    try { ${steps[first]} ${steps[second]} } catch (error) { console.log(error.name + ': ' + error.message); }`;
  const files = {
    'package.json': JSON.stringify({ name: 'application', version: '1.0.0', private: true, dependencies }),
    'train.jsonl': lines(0, 32),
    'application.mjs': program,
    ...managers.npm.configure(registry.url),
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(project, file), text);
  const env = environment('22');
  const { install, cache } = managers.npm;
  await execute(
    tools.node('22'),
    [tools.cli.npm, ...install, ...cache(path.join(work, 'cache-npm')), '--ignore-scripts'],
    project,
    env,
  );
  return (await execute(tools.node('22'), ['application.mjs'], project, env)).stdout.trim();
}

async function checkTogether() {
  const expected = [
    ['other', '1.27.0', /^$/],
    ['ortune', '1.27.0', /ONNX Runtime 1\.27\.0 \(.+\) cannot be loaded: ortune has loaded ONNX Runtime 1\.30\.0 \(/],
    [
      'other',
      '1.23.2',
      /has loaded ONNX Runtime 1\.23\.2 \(.+\), and ortune needs .+ would use ONNX Runtime 1\.30\.0 \(/,
    ],
    ['ortune', '1.23.2', /ONNX Runtime 1\.23\.2 \(.+\) cannot be loaded: ortune has loaded ONNX Runtime 1\.30\.0 \(/],
  ];
  for (const [first, version, pattern] of expected) {
    const said = await together(first, version);
    const title = `onnxruntime-node ${version} of the application, ${first} first`;
    if (!pattern.test(said)) throw new Error(`${title}: ${said || 'no error'}`);
    console.log(`${title}: ${said || 'one copy for both'}`);
  }
}

const addons = flags.addons ? ['--addons', flags.addons, '--all'] : [];
const packer = [path.join(root, 'scripts/pack/pack.mjs'), ...addons];
const { status } = spawnSync(process.execPath, packer, { stdio: 'inherit' });
if (status !== 0) process.exit(1);
const registry = await startRegistry(path.join(root, 'build/packages'));
const rows = [];
const failures = [];
for (const one of cases) {
  try {
    rows.push(await check(one));
    console.error(`${one.slice(0, 2).join(' with Node ')}: trained, evaluated, predicted`);
  } catch (error) {
    failures.push(`${one.slice(0, 2).join(' with Node ')}: ${error.message}`);
  }
}
if (!flags.only || flags.together) await checkTogether().catch((error) => failures.push(error.message));
registry.close();
console.table(rows);
console.log(
  `${rows.length} of ${cases.length} installations work; tarball ${(statSync(registry.main.file).size / 1e6).toFixed(2)} MB`,
);
if (flags.keep) console.log(`kept in ${work}`);
else rmSync(work, { recursive: true, force: true });
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;
