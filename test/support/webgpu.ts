// WebGPU without a graphics card: a Vulkan driver that computes on the CPU, lavapipe, or SwiftShader where there is
// only that, which takes some four times as long. A machine that has neither runs one test in the place of these, which
// says what is not tested and why.

import { existsSync } from 'node:fs';
import { openDevice } from '#ortune/runtime/session.js';
import { describeWhere } from './describe-where.js';
import { environmentFor, missingFor } from './vulkan-driver/driver.js';

const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

// Before the loader is asked for the first time, and not in the place of a driver that somebody chose.
if (process.env.VK_DRIVER_FILES) process.env.VK_ICD_FILENAMES ??= process.env.VK_DRIVER_FILES;
else if (!missingFor('lavapipe')) Object.assign(process.env, environmentFor('lavapipe'));
else if (existsSync(swiftShader)) {
  process.env.VK_DRIVER_FILES = swiftShader;
  process.env.VK_ICD_FILENAMES ??= swiftShader;
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
