// What the doctor finds in folders that have the pieces of a device, and in ones that lack them.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { examine, examineMachine, type Places } from '#ortune/runtime/doctor.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('doctor');

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
  nvidiaDriver: [path.join(root, 'nvidia'), path.join(root, 'dxg')],
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
      'cuda libcuda.so.1',
      'cuda libonnxruntime_providers_shared.so',
      'cuda libonnxruntime_providers_cuda.so',
      'cuda libcudart.so.12',
      'cuda libcublas.so.12',
      'cuda libcublasLt.so.12',
      'cuda libcurand.so.10',
      'cuda libcudnn.so.9',
    ]);
    for (const { found: where } of found) expect(where).toContain(root);
    const script = `${root}/node_modules/onnxruntime-node/script/install.js`;
    expect(new Set(found.map(({ fix }) => fix))).toEqual(
      new Set([
        'npm run build:addon',
        'npm install onnxruntime-node',
        'apt-get install libvulkan1',
        'apt-get install mesa-vulkan-drivers (AMD, Intel), or the driver of the graphics card (NVIDIA)',
        'apt-get install nvidia-driver (Debian), ubuntu-drivers install (Ubuntu)',
        'the same as for the driver; a container is started with --gpus all',
        `ONNXRUNTIME_NODE_INSTALL=true node ${script}`,
        'apt-get install cuda-cudart-12-8',
        'apt-get install libcublas-12-8',
        'apt-get install libcurand-12-8',
        'apt-get install libcudnn9-cuda-12',
      ]),
    );
  });

  test("fetches the provider's libraries by the package's own script, of the version that is installed", () => {
    const require = createRequire(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
    const { requirements, manifests, packages } = require('./script/install-metadata.js');
    expect(requirements['linux/x64']).toEqual(['cuda12']);
    const files = manifests['linux/x64:cuda12'] as Record<string, { package: string }>;
    const looked = missing().filter(({ what }) => what.startsWith('libonnxruntime_providers'));
    expect(looked).toHaveLength(2);
    for (const { what } of looked)
      expect(packages[files[`./${what}`]!.package].versions).toMatchObject([
        { version: require('./package.json').version },
      ]);
    // What the command says is understood, and what it said before was not.
    const flag = (value: string) => {
      process.env.ONNXRUNTIME_NODE_INSTALL = value;
      try {
        return require('./script/install-utils.js').parseInstallFlag();
      } finally {
        delete process.env.ONNXRUNTIME_NODE_INSTALL;
      }
    };
    expect(flag('true')).toBe(true);
    expect(flag('cuda12')).toBeUndefined();
  });

  test('finds the pieces where they are', () => {
    touch('build/ortune.node', 'lib/libvulkan.so.1', 'icd.d/radeon.json', 'icd.d/readme.txt', 'nvidia');
    for (const name of [
      'libonnxruntime.so.1',
      'libonnxruntime_providers_shared.so',
      'libonnxruntime_providers_cuda.so',
    ])
      touch(`node_modules/onnxruntime-node/bin/napi-v6/linux/x64/${name}`);
    touch('lib/libcuda.so.1', 'cuda/libcudart.so.12', 'cuda/libcublas.so.12', 'cuda/libcublasLt.so.12');
    touch('cuda/libcurand.so.10.3.9', 'cuda/libcurand.so.10', 'lib/libcudnn.so.8', 'lib/libcudnn_ops.so.9');
    expect(missing()).toEqual([
      {
        device: 'cuda',
        what: 'libcudnn.so.9',
        ok: false,
        found: `not in ${root}/lib, ${root}/cuda; of another version: ${root}/lib/libcudnn.so.8`,
        fix: 'apt-get install libcudnn9-cuda-12',
      },
    ]);
    touch('lib/libcudnn.so.9');
    expect(missing()).toEqual([]);
    // WSL has no such file of the driver.
    rmSync(path.join(root, 'nvidia'));
    touch('dxg');
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
