// The memory of a device as the system reports it: a command, a file or a number of Node's; undefined where there is
// none of these. What the runtime would allow is another thing: it shows only when an allocation fails.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import path from 'node:path';
import { loaderPaths } from '../environment.js';
import { usableMemory } from '../machine.js';
import { parseDeviceName } from './kinds.js';

export interface DeviceMemory {
  /** Bytes. */
  total: number;
  /** Bytes that are unused at this moment; undefined where the system does not report them. */
  free?: number;
}

/** Where to look. */
export interface MemoryPlaces {
  platform: NodeJS.Platform;
  arch: string;
  /** Prints `total, free` in MiB for the card of that number; undefined where there is no such command or card. */
  nvidiaSmi: (card: number) => string | undefined;
  /** Has a folder for each graphics card. */
  drm: string;
  /** Manifests of Vulkan drivers that the environment names: what they drive, nobody knows. */
  vulkanFiles: readonly string[];
  /** Of the machine. */
  totalBytes: number;
  /** That this process may have, as its container or the system bounds it. */
  usableBytes: number;
}

/** The part of a Mac's memory that Metal hands out, about: two thirds below 36 GB, three quarters above. */
const metalShare = 2 / 3;

/** @param device cpu, webgpu, cuda or cuda:N */
export function memoryOf(device: string, places: MemoryPlaces = thisMachine()): DeviceMemory | undefined {
  const { kind, index } = parseDeviceName(device);
  if (kind === 'cpu') return { total: places.usableBytes };
  if (kind === 'cuda') return parseNvidiaSmi(places.nvidiaSmi(index) ?? '');
  if (places.platform === 'darwin' && places.arch === 'arm64') return { total: places.totalBytes * metalShare };
  return places.platform === 'linux' && places.vulkanFiles.length === 0 ? ofAmd(places.drm) : undefined;
}

/** What `nvidia-smi --query-gpu=memory.total,memory.free --format=csv,noheader,nounits` prints: '81559, 80990'. */
export function parseNvidiaSmi(text: string): DeviceMemory | undefined {
  const found = /^\s*(\d+)(?: MiB)?, (\d+)(?: MiB)?\s*$/m.exec(text);
  return found ? { total: Number(found[1]) * 2 ** 20, free: Number(found[2]) * 2 ** 20 } : undefined;
}

/** The largest of amdgpu's cards, which is the one that WebGPU takes. */
function ofAmd(drm: string): DeviceMemory | undefined {
  if (!existsSync(drm)) return undefined;
  const cards = readdirSync(drm).filter((name) => /^card\d+$/.test(name));
  const found = cards.flatMap((card) => {
    const [total, used] = ['total', 'used'].map((what) =>
      readBytes(path.join(drm, card, `device/mem_info_vram_${what}`)),
    );
    if (total === undefined) return [];
    return [{ total, ...(used !== undefined && { free: total - used }) }];
  });
  return found.sort((a, b) => b.total - a.total)[0];
}

function readBytes(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const bytes = Number(readFileSync(file, 'utf8').trim());
  return bytes > 0 ? bytes : undefined;
}

function runNvidiaSmi(card: number): string | undefined {
  const query = ['--query-gpu=memory.total,memory.free', '--format=csv,noheader,nounits', `--id=${card}`];
  try {
    return execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // No such command, or no such card: the memory is unknown.
    return undefined;
  }
}

const thisMachine = (): MemoryPlaces => ({
  platform: process.platform,
  arch: process.arch,
  nvidiaSmi: runNvidiaSmi,
  drm: '/sys/class/drm',
  vulkanFiles: loaderPaths().vulkanFiles,
  totalBytes: totalmem(),
  usableBytes: usableMemory(),
});
