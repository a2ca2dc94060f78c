// Which copy of ONNX Runtime this process uses: one, for training and for saved models alike. In this order: the copy
// that the process has loaded already, the application's onnxruntime-node (an optional peer), and ortune's own package
// of it for this platform. On Linux two versions cannot live in one process, since the library has one name and its
// symbols have the version in theirs; whoever comes second is told which two there are, where, and what to do.

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { OrtuneError } from '../errors.js';
import { toInstall, toRun } from '../package-manager.js';
import { outerProcess, requireOutside } from '../realm.js';
import { findAddon, noMusl } from './addon-file.js';
import { addon } from './native.js';
import { hasPackages, inClone, isMusl, packageFolder, platformName, platformPackage } from './platform.js';

export interface Runtime {
  /** Of the package: onnxruntime-node, or one of this platform's files of it. */
  folder: string;
  /** The shared library in it. */
  library: string;
  version: string;
}

/** The oldest with all that the addon calls: C API 24. package.json's range of the peer begins here. */
const oldest = [1, 24] as const;

const fileNames: Partial<Record<NodeJS.Platform, string[]>> = {
  linux: ['libonnxruntime.so.1'],
  darwin: ['libonnxruntime.1.dylib', 'libonnxruntime.dylib'],
  win32: ['onnxruntime.dll'],
};

const realPath = (file: string): string => (existsSync(file) ? realpathSync(file) : file);
const described = ({ library, version }: Pick<Runtime, 'library' | 'version'>): string =>
  `ONNX Runtime ${version} (${library})`;

/** What lies in a package's folder; a string says what does not. */
function runtimeIn(folder: string): Runtime | string {
  const { version = '0.0.0' } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    version?: string;
  };
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== oldest[0] || minor < oldest[1])
    return `onnxruntime-node ${version} (${folder}) does not do: ortune needs ${oldest.join('.')} or later, below ${oldest[0] + 1}`;
  const binaries = path.join(folder, 'bin', 'napi-v6', process.platform, process.arch);
  const library = (fileNames[process.platform] ?? []).map((name) => path.join(binaries, name)).find(existsSync);
  if (library === undefined) return `onnxruntime-node has no library for ${platformName()} (looked in ${binaries})`;
  return { folder, library, version };
}

/** The package that a loaded library belongs to; its version is '?' where it belongs to none. */
function owner(library: string): Runtime {
  // bin/napi-v6/linux/x64/libonnxruntime.so.1
  const folder = path.resolve(realPath(library), '../../../../..');
  const manifest = path.join(folder, 'package.json');
  if (!existsSync(manifest)) return { folder, library, version: '?' };
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string; version?: string };
  const known = name === 'onnxruntime-node' || name?.startsWith('@ortune/runtime-');
  return { folder, library, version: (known && version) || '?' };
}

/** Every library of the runtime that this process has loaded, whoever did. */
const loadedLibraries = (): string[] => (findAddon() === undefined ? [] : addon().loadedLibraries());

let chosen: Runtime | undefined;

/**
 * The runtime of this process. The choice stays.
 * @throws OrtuneError where there is none that does, with the command that brings one
 */
export function findRuntime(): Runtime {
  chosen ??= choose();
  explainFailingBindings();
  return chosen;
}

/** Path of the library. @throws OrtuneError, as `findRuntime` */
export const runtimeLibrary = (): string => findRuntime().library;

/** The stock package, in the copy whose library this process uses. */
export const stockRuntime = (): typeof import('onnxruntime-node') =>
  requireOutside(findRuntime().folder, import.meta.url);

function choose(): Runtime {
  const peer = packageFolder('onnxruntime-node');
  const own = packageFolder(platformPackage('runtime'));
  const candidates = [peer, own].filter((folder) => folder !== undefined).map(runtimeIn);
  const found = candidates.find((candidate) => typeof candidate !== 'string');
  const loaded = loadedLibraries().map(owner);
  for (const { folder, version } of loaded) {
    const inUse = version === '?' ? undefined : runtimeIn(folder);
    if (typeof inUse === 'object') return inUse;
  }
  const other = loaded.find(({ version }) => version !== '?');
  if (other !== undefined) throw new OrtuneError(tooOld(other, found));
  if (found !== undefined) return found;
  if (isMusl()) throw new OrtuneError(`ortune cannot run here: ${noMusl}.`);
  const reason = candidates.map((candidate) => `${candidate}; `).join('') || 'ONNX Runtime is not installed; ';
  const names = inClone() || !hasPackages() ? ['onnxruntime-node'] : [platformPackage('runtime')];
  throw new OrtuneError(
    `${reason}install it with '${toInstall(...names)}'` +
      (names[0] === 'onnxruntime-node'
        ? ''
        : `, or the package for all platforms with '${toInstall('onnxruntime-node')}'`),
  );
}

const wayOut = (): string =>
  'One process can hold one version: let all packages share one ("overrides" in package.json, "resolutions" with ' +
  `yarn; transformers.js 4.3 has 1.30), or run ortune in a process of its own ('${toRun('train')}', child_process.fork).`;

const tooOld = (loaded: Runtime, found: Runtime | undefined): string =>
  `this process has loaded ${described(loaded)}, and ortune needs ${oldest.join('.')} or later` +
  `${found ? `; it would use ${described(found)}` : ''}. ${wayOut()}`;

/**
 * Refuses another library beside the one in use: on systems where both can be loaded they would compete for threads
 * and memory.
 */
export function refuseSecondRuntime(library: string): void {
  const others = loadedLibraries().filter((file) => realPath(file) !== realPath(library));
  if (others.length > 0)
    throw new OrtuneError(
      `two different ONNX Runtimes are loaded in one process: ortune uses ${described(owner(library))}, and ` +
        `${others.map((file) => described(owner(file))).join(', ')} is loaded too. They would compete for threads and ` +
        `memory. ${wayOut()}`,
    );
}

let explaining = false;

/**
 * Where the application loads another version after ortune has loaded its own, the system's loader says that a version
 * of a symbol was not found, and no more. Node asks it through `process.dlopen`, so the words are put right there; what
 * does not fail, and other files, are as they were.
 */
function explainFailingBindings(): void {
  if (explaining) return;
  explaining = true;
  const outer = outerProcess();
  const original = outer.dlopen;
  outer.dlopen = function dlopen(this: NodeJS.Process, ...args: Parameters<typeof original>) {
    try {
      return Reflect.apply(original, outer, args);
    } catch (error) {
      const file = String(args[1]);
      if (chosen === undefined || path.basename(file) !== 'onnxruntime_binding.node') throw error;
      const beside = path.join(path.dirname(file), path.basename(chosen.library));
      if (realPath(beside) === realPath(chosen.library)) throw error;
      throw new OrtuneError(
        `${described(owner(beside))} cannot be loaded: ortune has loaded ${described(chosen)} in this process. ${wayOut()}`,
        { cause: error },
      );
    }
  };
}
