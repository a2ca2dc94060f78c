// What each kind of device needs on a machine, looked for piece by piece, so that what is missing has a name and a
// command. Whether a device works is found by opening it (probe.ts); this says why it does not.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { loaderPaths } from '../environment.js';
import { OrtuneError } from '../errors.js';
import { toInstall, toRun } from '../package-manager.js';
import { findAddon } from './addon-file.js';
import { runtimeLibrary } from './library.js';
import { inClone, platformPackage } from './platform.js';

export interface Finding {
  device: 'cpu' | 'webgpu' | 'cuda';
  what: string;
  ok: boolean;
  /** Where it is, or where it was looked for. */
  found: string;
  /** The command that brings it, where it is missing. */
  fix?: string;
}

/** Where to look. */
export interface Places {
  platform: NodeJS.Platform;
  arch: string;
  /** Of the onnxruntime-node package's library. */
  runtime: string;
  addon: string;
  /** Folders of shared libraries. */
  libraries: readonly string[];
  /** Folders of Vulkan drivers' manifests. */
  vulkanFolders: readonly string[];
  /** Manifests that the environment names; they stand in for the folders. */
  vulkanFiles: readonly string[];
  /** Any of them says that an NVIDIA driver is loaded: the second is that of WSL. */
  nvidiaDriver: readonly string[];
}

/** Everything that was looked for, in the order in which one would put it right. */
export function examine(places: Places): Finding[] {
  return [...examineHost(places), ...examineWebgpu(places), ...examineCuda(places)];
}

/** A file that has to be there, at one of these places. */
function file(device: Finding['device'], what: string, places: string | readonly string[], fix: string): Finding {
  const all = [places].flat();
  const at = all.find((candidate) => existsSync(candidate));
  if (at !== undefined) return { device, what, ok: true, found: at };
  return { device, what, ok: false, found: `no ${all.join(', and no ')}`, fix };
}

/** A shared library in one of the folders; one of another version is named, and does not do. */
function library(device: Finding['device'], name: string, folders: readonly string[], fix: string): Finding {
  const inAll = (is: (file: string) => boolean): string[] =>
    folders
      .filter((folder) => existsSync(folder))
      .flatMap((folder) =>
        readdirSync(folder)
          .filter(is)
          .map((file) => path.join(folder, file)),
      );
  const [at] = inAll((file) => file === name);
  if (at !== undefined) return { device, what: name, ok: true, found: at };
  const [stem] = name.split(/(?<=\.so\.)/);
  const others = inAll((file) => file.startsWith(stem!));
  const found = `not in ${folders.join(', ')}${others.length > 0 ? `; of another version: ${others.join(', ')}` : ''}`;
  return { device, what: name, ok: false, found, fix };
}

function examineHost({ addon, runtime }: Places): Finding[] {
  return [
    file('cpu', 'native addon', addon, inClone() ? 'npm run build:addon' : toRun('build-addon')),
    file('cpu', 'ONNX Runtime', runtime, toInstall('onnxruntime-node')),
  ];
}

function examineWebgpu({ platform, libraries, vulkanFolders, vulkanFiles }: Places): Finding[] {
  // Metal and Direct3D 12 are part of the system.
  if (platform !== 'linux') return [];
  const loader = library('webgpu', 'libvulkan.so.1', libraries, 'apt-get install libvulkan1');
  const manifests = vulkanFiles.length > 0 ? vulkanFiles.filter((at) => existsSync(at)) : inFolders(vulkanFolders);
  const looked = vulkanFiles.length > 0 ? vulkanFiles : vulkanFolders;
  const driver: Finding =
    manifests.length > 0
      ? { device: 'webgpu', what: 'Vulkan driver', ok: true, found: manifests.join(', ') }
      : {
          device: 'webgpu',
          what: 'Vulkan driver',
          ok: false,
          found: `no manifest in ${looked.join(', ')}`,
          fix: 'apt-get install mesa-vulkan-drivers (AMD, Intel), or the driver of the graphics card (NVIDIA)',
        };
  return [loader, driver];
}

const inFolders = (folders: readonly string[]): string[] =>
  folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((at) => at.endsWith('.json'));

/**
 * What the CUDA provider of the runtime's 1.30 links against, and cuDNN, which it opens for convolutions and sums; with
 * the packages of NVIDIA's repository that have them (docs/devices.md says how to add it). Any 12.x does.
 */
const cudaLibraries: readonly (readonly [string, string])[] = [
  ['libcudart.so.12', 'apt-get install cuda-cudart-12-8'],
  ['libcublas.so.12', 'apt-get install libcublas-12-8'],
  ['libcublasLt.so.12', 'apt-get install libcublas-12-8'],
  ['libcurand.so.10', 'apt-get install libcurand-12-8'],
  ['libcudnn.so.9', 'apt-get install libcudnn9-cuda-12'],
];

function examineCuda({ platform, arch, runtime, libraries, nvidiaDriver }: Places): Finding[] {
  if (platform !== 'linux' || arch !== 'x64') {
    const found = `onnxruntime-node has no CUDA provider for ${platform} ${arch}`;
    return [{ device: 'cuda', what: 'platform', ok: false, found, fix: 'use device webgpu' }];
  }
  const beside = path.dirname(runtime);
  // The package's own script, since npm runs those of dependencies only when configured to; 'true' has it fetch what
  // the platform lacks, whoever starts it ('cuda12' it takes for no answer).
  // ortune's own package of the runtime has no such script; with it, the whole package is the way.
  const script = path.join(beside, '../../../../script/install.js');
  const install = path.resolve(beside, '../../../..').includes(platformPackage('runtime'))
    ? `ONNXRUNTIME_NODE_INSTALL=true ${toInstall('onnxruntime-node')}`
    : `ONNXRUNTIME_NODE_INSTALL=true node ${script}`;
  return [
    file(
      'cuda',
      'NVIDIA driver',
      nvidiaDriver,
      'apt-get install nvidia-driver (Debian), ubuntu-drivers install (Ubuntu)',
    ),
    library('cuda', 'libcuda.so.1', libraries, 'the same as for the driver; a container is started with --gpus all'),
    ...['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'].map((name) =>
      file('cuda', name, path.join(beside, name), install),
    ),
    ...cudaLibraries.map(([name, fix]) => library('cuda', name, libraries, fix)),
  ];
}

/** The folders that loaders of Linux search. */
const systemLibraries = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/usr/local/cuda/lib64',
  // Where the newest CUDA on the machine is another.
  '/usr/local/cuda-12/lib64',
  '/usr/lib/wsl/lib',
];

/** Where the runtime is, or should be. */
function expectedRuntime(): string {
  try {
    return runtimeLibrary();
  } catch (error) {
    if (error instanceof OrtuneError) return 'node_modules/onnxruntime-node';
    throw error;
  }
}

/** `examine`, of this machine. */
export function examineMachine(): Finding[] {
  const { libraries, vulkanFiles } = loaderPaths();
  return examine({
    platform: process.platform,
    arch: process.arch,
    runtime: expectedRuntime(),
    addon: findAddon() ?? (inClone() ? 'build/Release/ortune.node' : `node_modules/${platformPackage('addon')}`),
    libraries: [...libraries, ...systemLibraries],
    vulkanFolders: ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'],
    vulkanFiles,
    nvidiaDriver: ['/proc/driver/nvidia/version', '/dev/dxg'],
  });
}
