// Names of devices: `cpu`, `webgpu`, `cuda`, `cuda:1`; and `auto` for the first that works.

import { UsageError } from '../errors.js';
import type { DeviceKind } from '../lower/target.js';

export interface DeviceName {
  kind: DeviceKind;
  /** Of several of one kind, from 0. */
  index: number;
}

const form = /^(?:cpu|webgpu|cuda(?::(\d{1,3}))?)$/;

/** What a run may be given: a device, or 'auto'. */
export const deviceNames = new RegExp(`^auto$|${form.source}`);

/** @throws UsageError for what is no device's name */
export function parseDeviceName(text: string): DeviceName {
  const match = form.exec(text);
  if (!match) throw new UsageError(`device must be auto, cpu, webgpu, cuda or cuda:N, found '${text}'`);
  return { kind: text.split(':')[0] as DeviceKind, index: Number(match[1] ?? 0) };
}
