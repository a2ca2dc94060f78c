// Which devices this machine has, found by trying each: it is opened and multiplies two matrices that lie in its
// memory. That shows more than a list of drivers, and separates a graphics card from a driver that computes on the CPU.

import { OrtuneError } from '../errors.js';
import type { Precision } from '../lower/target.js';
import { isError } from '../realm.js';
import type { Device } from './device.js';
import { openDevice } from './devices.js';
import { examineMachine } from './doctor.js';
import { precisionsOf } from './precision.js';
import { productGflops, timeFittingProduct } from './product.js';

export interface DeviceReport {
  name: string;
  works: boolean;
  /** Why it does not work, as a sentence. */
  reason?: string;
  /** The same in a few words: the first thing that the doctor misses, else what the runtime says. */
  lacks?: string;
  /** Rate at a product of two square float32 matrices of `size` rows. */
  gflops?: number;
  size?: number;
  /** What `precision` may be there. */
  precisions?: readonly Precision[];
}

/** What is tried, the fastest kind first. */
const candidates = ['cuda', 'webgpu', 'cpu'] as const;

const runs = 3;

/** Tries every device. Never rejects for one that does not work. */
export async function probeDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const name of candidates) reports.push(await probe(name));
  return reports;
}

async function probe(name: string): Promise<DeviceReport> {
  let device: Device | undefined;
  try {
    device = await openDevice(name);
    const { ms, size } = await timeFittingProduct(device, runs);
    const gflops = productGflops(size, Math.min(...ms));
    return { name: device.name, works: true, gflops, size, precisions: await precisionsOf(device) };
  } catch (error) {
    if (!(error instanceof OrtuneError)) throw error;
    return { name, works: false, reason: error.message, lacks: lackOf(name, error) };
  } finally {
    await device?.close();
  }
}

function lackOf(name: string, { message, cause }: Error): string {
  const missing = examineMachine().find((finding) => finding.device === name && !finding.ok);
  if (missing) return `${missing.what} is missing`;
  return isError(cause) ? cause.message : message;
}

/** The fastest that works, and why: what `auto` stands for. */
export function chooseDevice(reports: readonly DeviceReport[]): { name: string; why: string } {
  const working = reports.filter((r) => r.works).sort((a, b) => b.gflops! - a.gflops!);
  const [best] = working;
  if (!best) throw new OrtuneError(`no device works: ${reports.map((r) => `${r.name}: ${r.reason}`).join('; ')}`);
  const rates = working.map(({ name, gflops }) => `${name} ${Math.round(gflops!)}`).join(', ');
  const broken = reports.filter((r) => !r.works).map(({ name, lacks }) => `; ${name} does not work here (${lacks})`);
  return { name: best.name, why: `the fastest at a matrix product (GFLOP/s: ${rates})${broken.join('')}` };
}
