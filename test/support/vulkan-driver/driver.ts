// Builds the Vulkan driver for tests (driver.cc) over a driver that computes on the CPU, and says how a process is made
// to use it: by variables of its environment, which Vulkan's loader reads once, when the process opens a device first.
// Built where and when a test asks; a machine without compiler, headers or drivers is told what to install.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** SwiftShader comes with Chromium; lavapipe with Mesa: it has float16 and is some four times as fast. */
export type CpuDriver = 'swiftshader' | 'lavapipe';

export interface Failures {
  /** So many submissions to the queue succeed, every further one loses the device. */
  lostAfter?: number;
  /** Memory that would make more than this many megabytes (10^6 bytes) in use is refused. */
  memoryMb?: number;
  /** Nothing fails, and no submission counts, before this file exists. */
  when?: string;
}

const packages: Record<CpuDriver, string> = { swiftshader: 'chromium', lavapipe: 'mesa-vulkan-drivers' };

const source = join(import.meta.dirname, 'driver.cc');
const root = join(import.meta.dirname, '../../..');

/** The manifest of a driver that the system has. */
function manifestOf(driver: CpuDriver): string | undefined {
  const [folder, name] =
    driver === 'swiftshader' ? ['/usr/lib/chromium', 'vk_swiftshader_icd'] : ['/usr/share/vulkan/icd.d', 'lvp_icd'];
  const file = existsSync(folder) && readdirSync(folder).find((f) => f.startsWith(name) && f.endsWith('.json'));
  return file ? join(folder, file) : undefined;
}

/** A path, or a name for the system to find. */
function libraryOf(manifest: string): string {
  const path: string = JSON.parse(readFileSync(manifest, 'utf8')).ICD.library_path;
  return path.includes('/') ? resolve(dirname(manifest), path) : path;
}

/** The manifest of the driver for tests, in build/; or what the compiler says. */
function build(): { manifest: string } | { said: string } {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const folder = join(root, 'build/vulkan-driver', hash);
  const manifest = join(folder, 'driver.json');
  if (existsSync(manifest)) return { manifest };
  mkdirSync(folder, { recursive: true });
  // Files of tests run in several processes: each builds its own and gives it the name in one go.
  const own = join(folder, `${process.pid}`);
  const flags = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared'];
  const { error, status, stderr } = spawnSync('c++', [...flags, source, '-o', own, '-ldl'], { encoding: 'utf8' });
  if (status !== 0) return { said: error?.message ?? stderr };
  renameSync(own, join(folder, 'libdriver.so'));
  const ICD = { library_path: './libdriver.so', api_version: '1.3.230' };
  writeFileSync(own, JSON.stringify({ file_format_version: '1.0.0', ICD }));
  renameSync(own, manifest);
  return { manifest };
}

/** Why the driver for tests cannot stand over this one here, and what to install; undefined where it can. */
export function missingFor(driver: CpuDriver): string | undefined {
  const install = `apt-get install g++ libvulkan1 libvulkan-dev ${packages[driver]}`;
  if (!manifestOf(driver)) return `${driver} is not installed. To test it: ${install}`;
  const built = build();
  return 'said' in built
    ? `test/support/vulkan-driver cannot be built (${built.said}). To test it: ${install}`
    : undefined;
}

/**
 * What the environment of a process must have, before it opens its first device, to compute on this driver and fail so.
 */
export function environmentFor(driver: CpuDriver, { lostAfter, memoryMb, when }: Failures = {}): NodeJS.ProcessEnv {
  const built = build();
  if ('said' in built) throw new Error(built.said);
  return {
    VK_DRIVER_FILES: built.manifest,
    VK_ICD_FILENAMES: built.manifest,
    // Mesa's layer that chooses among cards looks for a display, and complains where there is none.
    NODEVICE_SELECT: '1',
    ORTUNE_TEST_DRIVER: libraryOf(manifestOf(driver)!),
    ...(lostAfter !== undefined && { ORTUNE_TEST_LOST_AFTER: `${lostAfter}` }),
    ...(memoryMb !== undefined && { ORTUNE_TEST_MEMORY_MB: `${memoryMb}` }),
    ...(when !== undefined && { ORTUNE_TEST_WHEN: when }),
  };
}
