// What the doctor finds in folders that have the pieces of a device, and in ones that lack them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { examine, examineMachine, type Places } from '#ortune/runtime/doctor.js';

const root = mkdtempSync(path.join(tmpdir(), 'ortune-doctor-'));
afterAll(() => rmSync(root, { recursive: true }));

function touch(...names: string[]): void {
  for (const name of names) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), '');
  }
}

const places = (changed: Partial<Places> = {}): Places => ({
  platform: 'linux',
  arch: 'x64',
  runtime: path.join(root, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1'),
  addon: path.join(root, 'build/ortune.node'),
  libraries: [path.join(root, 'lib'), path.join(root, 'cuda')],
  vulkanFolders: [path.join(root, 'icd.d')],
  vulkanFiles: [],
  nvidiaDriver: path.join(root, 'nvidia'),
  ...changed,
});
const missing = (changed: Partial<Places> = {}) => examine(places(changed)).filter((f) => !f.ok);

describe('the doctor', () => {
  test('names everything that is missing, where it was looked for, and a command for each', () => {
    const found = missing();
    expect(found.map(({ device, what }) => `${device} ${what}`)).toEqual([
      'cpu native addon',
      'cpu ONNX Runtime',
      'webgpu libvulkan.so.1',
      'webgpu Vulkan driver',
      'cuda NVIDIA driver',
      'cuda libonnxruntime_providers_shared.so',
      'cuda libonnxruntime_providers_cuda.so',
      'cuda libcudart.so.12',
      'cuda libcublas.so.12',
      'cuda libcublasLt.so.12',
      'cuda libcufft.so.11',
      'cuda libcudnn.so.9',
    ]);
    for (const { fix, found: where } of found) {
      expect(fix).toMatch(/npm|apt-get|node /);
      expect(where).toContain(root);
    }
    expect(found.find(({ what }) => what.includes('providers_cuda'))!.fix).toBe(
      `ONNXRUNTIME_NODE_INSTALL=cuda12 node ${root}/node_modules/onnxruntime-node/script/install.js`,
    );
  });

  test('finds the pieces where they are', () => {
    touch('build/ortune.node', 'lib/libvulkan.so.1', 'icd.d/radeon.json', 'icd.d/readme.txt', 'nvidia');
    for (const name of [
      'libonnxruntime.so.1',
      'libonnxruntime_providers_shared.so',
      'libonnxruntime_providers_cuda.so',
    ])
      touch(`node_modules/onnxruntime-node/bin/napi-v6/linux/x64/${name}`);
    touch('cuda/libcudart.so.12', 'cuda/libcublas.so.12', 'cuda/libcublasLt.so.12', 'cuda/libcufft.so.11');
    expect(missing().map(({ what }) => what)).toEqual(['libcudnn.so.9']);
    touch('lib/libcudnn.so.9');
    expect(missing()).toEqual([]);
    const driver = examine(places()).find(({ what }) => what === 'Vulkan driver')!;
    expect(driver.found).toBe(path.join(root, 'icd.d/radeon.json'));
  });

  test('takes the drivers that the environment names in the place of the folders', () => {
    const vulkanFiles = [path.join(root, 'none.json')];
    expect(missing({ vulkanFiles })).toMatchObject([
      { what: 'Vulkan driver', found: `no manifest in ${vulkanFiles[0]}` },
    ]);
  });

  test('asks for no Vulkan where the system has its own, and for no CUDA where the runtime has none', () => {
    expect(missing({ platform: 'darwin', arch: 'arm64' })).toMatchObject([
      { device: 'cuda', found: 'onnxruntime-node has no CUDA provider for darwin arm64', fix: 'use device webgpu' },
    ]);
  });

  test('finds what this machine trains with', () => {
    const cpu = examineMachine().filter(({ device }) => device === 'cpu');
    expect(cpu.map(({ ok }) => ok)).toEqual([true, true]);
  });
});
