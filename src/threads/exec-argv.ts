// What Node's own options become for a thread. A thread inherits those of its process, which is right for loaders,
// preloads and conditions, but one of them ends every thread that is started from a file: --input-type, which says what
// a script given as text is. Where it is there, in the arguments or in NODE_OPTIONS, the thread is given the others by
// hand; of those, only what workers may be given, since Node refuses the rest (--title, V8's flags, which are the
// process's anyway).

import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Options that a thread may be given and that its modules may depend on; true for those that take a value. */
const handedOn = new Map([
  ['--require', true],
  ['-r', true],
  ['--import', true],
  ['--loader', true],
  ['--experimental-loader', true],
  ['--conditions', true],
  ['-C', true],
  ['--disable-warning', true],
  ['--unhandled-rejections', true],
  ['--enable-source-maps', false],
  ['--preserve-symlinks', false],
  ['--preserve-symlinks-main', false],
  ['--no-addons', false],
  ['--no-warnings', false],
  ['--no-deprecation', false],
  ['--trace-warnings', false],
  ['--trace-uncaught', false],
  ['--experimental-vm-modules', false],
  ['--experimental-wasm-modules', false],
  ['--experimental-strip-types', false],
  ['--experimental-transform-types', false],
]);

/** Options whose value is the next argument, which is to be passed over with them. */
const valued = new Set(['-e', '--eval', '-p', '--print', '-pe', '--title', '--input-type']);

const isInputType = (argument: string): boolean => /^--input-type(=|$)/.test(argument);

/** For `new Worker`: undefined to inherit everything. */
export interface ThreadOptions {
  execArgv?: string[];
  env?: NodeJS.ProcessEnv;
}

/**
 * @param execArgv of this process
 * @param env of this process
 */
export function threadOptions(execArgv: readonly string[], env: NodeJS.ProcessEnv): ThreadOptions {
  const words = wordsOf(env.NODE_OPTIONS ?? '');
  if (![...execArgv, ...words].some(isInputType)) return {};
  return {
    execArgv: kept(execArgv),
    // As a value it may hold spaces, so each word is quoted.
    env: { ...env, NODE_OPTIONS: kept(words).map(quoted).join(' ') },
  };
}

function kept(given: readonly string[]): string[] {
  const found: string[] = [];
  for (let i = 0; i < given.length; i++) {
    const argument = given[i]!;
    const [name] = argument.split('=') as [string];
    const takes = handedOn.get(name);
    const valueFollows = !argument.includes('=') && (takes === true || valued.has(name));
    if (takes !== undefined) found.push(...given.slice(i, i + (valueFollows ? 2 : 1)));
    if (valueFollows) i++;
  }
  return found;
}

/** NODE_OPTIONS as Node splits it: at spaces, except within double quotes, where \" and \\ are escaped. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];
  return words.map((word) => word.replace(/"((?:\\.|[^"\\])*)"/g, (_, inner: string) => inner.replace(/\\(.)/g, '$1')));
}

const quoted = (word: string): string => (/[\s"\\]/.test(word) ? `"${word.replace(/["\\]/g, '\\$&')}"` : word);

/**
 * Node's arguments for a process that is to find packages and has none of this one's options: what yarn's Plug'n'Play
 * hooks in, where packages lie in archives that Node alone does not read.
 */
export function plugAndPlay(): string[] {
  if (process.versions.pnp === undefined) return [];
  const hooks = createRequire(import.meta.url).resolve('pnpapi');
  const loader = path.join(path.dirname(hooks), '.pnp.loader.mjs');
  return ['--require', hooks, '--no-warnings', '--experimental-loader', pathToFileURL(loader).href];
}
