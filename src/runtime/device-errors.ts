// The errors of providers for too little memory and for a lost device, distinguished and put in words for users. The
// patterns are measured: WebGPU's on Vulkan drivers that were made to fail (test/support/vulkan-driver), CUDA's from
// the runtime's sources.

import { DeviceError, OrtuneError } from '../errors.js';
import { shown } from '../quote.js';
import type { NativeProvider } from './native.js';

/**
 * How providers say that memory did not suffice, and that the device is gone. A tensor that is larger than what a
 * shader may be given at once is bound in pieces, and of those there may be too many.
 */
const exhausted =
  /out of memory|OUT_OF_(?:DEVICE_|HOST_)?MEMORY|max buffer size|Too many storage buffers|\[Invalid Buffer|Failed to allocate memory/i;
const lost = /\bdevice\]? (?:is |was |has been )?lost|DEVICE_LOST|DeviceLost|device removed/i;

/** The text around the clause with the reason, and its replacement. */
const surroundings: readonly [RegExp, string][] = [
  [/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /, ''],
  [/^Non-zero status code returned while running (\w+) node\. Name:('[^']*') Status Message: /, '$1 $2: '],
  [/(^|: )\S+\.(?:cc|h|cpp):\d+ .* was false\. /, '$1'],
  [/^WebGPU (?:device (?:error|lost) ?\(\d+\)|validation failed)[.:] /, ''],
  [/^.*wgpu::\w+ value: \d+, message: /, ''],
];

/** The clause of a runtime's message that holds the reason: its first line, without the place in its sources. */
export const reasonIn = (message: string): string =>
  surroundings
    .reduce((clause, [around, left]) => clause.replace(around, left), message.trim().split('\n')[0]!)
    .trim()
    .replace(/\.$/, '');

/** The error of a device that ended its work; undefined for any other. */
export function deviceError(
  provider: Pick<NativeProvider, 'name'> | undefined,
  message: string,
): DeviceError | undefined {
  if (!provider) return undefined;
  const [isExhausted, isLost] = [exhausted.test(message), lost.test(message)];
  const [device, reason] = [`the ${provider.name} device`, reasonIn(message)];
  if (isExhausted)
    return new DeviceError(
      `the memory of ${device} does not suffice (${reason})${isLost ? ', and the device is lost with it' : ''}`,
      { exhausted: true, lost: isLost },
    );
  if (isLost)
    return new DeviceError(
      `${device} is lost (${reason}): its driver was reset, or it was unplugged; 'ortune devices' tells whether it works again.`,
      { exhausted: false, lost: true },
    );
  return undefined;
}

/**
 * Does a device's work; its errors are worded for users and begin with `what` where they are not the device's, and are
 * of `Kind` then.
 */
export async function asDeviceWork<T>(
  provider: Pick<NativeProvider, 'name'> | undefined,
  what: string,
  work: () => Promise<T>,
  Kind: new (message: string) => OrtuneError = OrtuneError,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OrtuneError) throw error;
    const { message } = error as Error;
    throw (
      deviceError(provider, message) ??
      new Kind(`${what}: ${shown(provider ? reasonIn(message) : message.trim(), 600)}`)
    );
  }
}
