// The way to CUDA where there is no card: names of devices, what the runtime is told and what it answers, and
// everything that is a graph on the device beside the training graph (sums, update, running averages), rehearsed on the
// CPU.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunningStatistics } from '#ortune/engine/running-statistics.js';
import { Arena } from '#ortune/runtime/arena.js';
import { parseDeviceName } from '#ortune/runtime/kinds.js';
import { runtimeLibrary } from '#ortune/runtime/library.js';
import { addon } from '#ortune/runtime/native.js';
import { chooseDevice, type DeviceReport } from '#ortune/runtime/probe.js';
import { providerOf } from '#ortune/runtime/providers.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { RehearsedCuda } from '../support/rehearsed-cuda.js';
import { expectSameUpdates } from './device-updates.js';

/** Names of the provider's options at 1.30 and, where they are few, their values (cuda_execution_provider_info.cc). */
const options: Record<string, readonly string[] | undefined> = {
  device_id: undefined,
  arena_extend_strategy: ['kNextPowerOfTwo', 'kSameAsRequested'],
  use_tf32: ['0', '1'],
};

describe('the CUDA provider', () => {
  test('is asked for a card by its number', () => {
    expect(parseDeviceName('cuda')).toEqual({ kind: 'cuda', index: 0 });
    expect(parseDeviceName('cuda:7')).toEqual({ kind: 'cuda', index: 7 });
    for (const bad of ['cuda:', 'cuda:-1', 'cuda:1.5', 'cuda:1000', 'cuda7', 'CUDA'])
      expect(() => parseDeviceName(bad)).toThrow(`cuda or cuda:N, found '${bad}'`);
    expect(providerOf('cuda', 7)).toMatchObject({ memory: 'Cuda', id: 7 });
    expect(new Map(providerOf('cuda', 7).options).get('device_id')).toBe('7');
  });

  test('is told nothing that it does not know', () => {
    for (const [name, value] of providerOf('cuda', 0).options) {
      expect(Object.keys(options)).toContain(name);
      if (options[name]) expect(options[name]).toContain(value);
    }
  });

  test('is never told to leave out the wait at the end of a run: the next session reads what this one wrote', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const sources = ['src', 'native'].flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8')),
    );
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter((text) => text.includes('disable_synchronize_execution_providers'))).toEqual([]);
  });

  test('that the runtime was built with, and that lacks its libraries, is named with the first of them', async () => {
    const { providers } = await addon().openDevice(runtimeLibrary(), 2);
    const built = providers.includes('CUDAExecutionProvider');
    for (const name of ['cuda', 'cuda:99']) {
      const error = await openDevice(name).then(
        (device) => device.close(),
        (reason: Error) => reason,
      );
      if (!error) {
        // On a machine that has one: not a hundred.
        expect(name).toBe('cuda');
        continue;
      }
      expect(error.message).toMatch(
        new RegExp(`^device ${name} does not work here: .+'ortune doctor' says what is missing.$`, 's'),
      );
      expect(error.message).not.toMatch(/ONNXRuntimeError|provider_bridge|\.cc:/);
      if (built) expect(error.message).toMatch(/libonnxruntime_providers|CUDA|device/);
    }
  });
});

describe('auto', () => {
  const cpu: DeviceReport = { name: 'cpu', works: true, gflops: 99.4, size: 2048 };
  test('says in a few words why a device is not chosen', () => {
    const cuda: DeviceReport = { name: 'cuda', works: false, reason: 'r', lacks: 'libcudnn.so.9 is missing' };
    const webgpu: DeviceReport = { name: 'webgpu', works: false, reason: 'r', lacks: 'No supported adapters' };
    expect(chooseDevice([cuda, webgpu, cpu])).toEqual({
      name: 'cpu',
      why: 'the fastest at a matrix product (GFLOP/s: cpu 99); cuda does not work here (libcudnn.so.9 is missing); webgpu does not work here (No supported adapters)',
    });
  });

  test('takes the fastest that works', () => {
    const cuda: DeviceReport = { name: 'cuda', works: true, gflops: 12000, size: 2048 };
    expect(chooseDevice([cuda, cpu])).toEqual({
      name: 'cuda',
      why: 'the fastest at a matrix product (GFLOP/s: cuda 12000, cpu 99)',
    });
    expect(() => chooseDevice([{ ...cpu, works: false, reason: 'it is on fire' }])).toThrow(
      'no device works: cpu: it is on fire',
    );
  });
});

describe('on CUDA, rehearsed', () => {
  let device: Device;
  let cpu: Device;
  beforeAll(async () => {
    device = new RehearsedCuda(await openDevice('cpu', { threads: 2 }));
    cpu = await openDevice('cpu', { threads: 2 });
  });
  afterAll(async () => {
    await device.close();
    await cpu.close();
  });

  test('micro-batches add up, and the update is that of the CPU', () => expectSameUpdates(cpu, device));

  test('running averages are taken, given back, and looked through for what is not finite', async () => {
    const arena = Arena.create(
      Arena.layout([
        { name: 'w', shape: [3] },
        { name: 'mean', shape: [2] },
      ]),
    );
    arena.array('mean').set([1, 2]);
    const mean = { ...arena.entry('mean'), kind: 'mean', updated: true } as const;
    const averages = await RunningStatistics.create(device, [mean], arena);
    const placed = await device.place(arena);
    const after = averages.written('mean') as unknown as { data: Float32Array };
    const now = async () => {
      await placed.download();
      return [...arena.array('mean')];
    };
    await averages.begin();
    after.data.set([3, 4]);
    expect(await now()).toEqual([1, 2]);
    await averages.take();
    expect(await now()).toEqual([3, 4]);
    expect(await averages.firstBad()).toBeUndefined();
    after.data.set([5, Number.NaN]);
    await averages.take();
    expect(await averages.firstBad()).toBe('mean');
    await averages.undo();
    expect(await now()).toEqual([1, 2]);
  });
});
