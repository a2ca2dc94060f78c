// WebGPU without a graphics card: SwiftShader, the Vulkan driver on the CPU that Chromium comes with. A machine that
// has neither runs one test in the place of these, which says what is not tested and why.

import { existsSync } from 'node:fs';
import { openDevice } from '#ortune/runtime/session.js';
import { describeWhere } from './describe-where.js';

const manifest = '/usr/lib/chromium/vk_swiftshader_icd.json';

// Before the loader is asked for the first time, and not in the place of a driver that somebody chose.
if (existsSync(manifest)) {
  process.env.VK_DRIVER_FILES ??= manifest;
  process.env.VK_ICD_FILENAMES ??= process.env.VK_DRIVER_FILES;
  // Mesa's layer that chooses among cards looks for a display, and complains where there is none.
  process.env.NODEVICE_SELECT ??= '1';
}

/** Why WebGPU does not work here; undefined where it does. */
const missing = await openDevice('webgpu').then(
  (device) => device.close().then(() => undefined),
  (error: Error) => `${error.message} To test it: apt-get install chromium libvulkan1`,
);

/** describe(), where there is a device for it. */
export const describeWebgpu = (name: string, tests: () => void): void => describeWhere(missing, name, tests);
