// What is read of files and commands about a device's memory, from text as they have it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type MemoryPlaces, memoryOf, parseNvidiaSmi } from '#ortune/runtime/memory.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('memory');

const places = (changed: Partial<MemoryPlaces> = {}): MemoryPlaces => ({
  platform: 'linux',
  arch: 'x64',
  nvidiaSmi: () => undefined,
  drm: join(root, 'none'),
  vulkanFiles: [],
  totalBytes: 24e9,
  usableBytes: 11e9,
  ...changed,
});

describe('the memory of a device', () => {
  it('of the CPU is what the process has and may have', () => {
    expect(memoryOf('cpu', places())).toEqual({ total: 11e9 });
  });

  it('of CUDA is what nvidia-smi says of that card', () => {
    const lines = ['24564, 24150\n', '81559, 80990\n'];
    const nvidiaSmi = (card: number) => lines[card];
    expect(memoryOf('cuda:1', places({ nvidiaSmi }))).toEqual({ total: 81559 * 2 ** 20, free: 80990 * 2 ** 20 });
    expect(memoryOf('cuda', places({ nvidiaSmi }))).toEqual({ total: 24564 * 2 ** 20, free: 24150 * 2 ** 20 });
    expect(memoryOf('cuda:2', places({ nvidiaSmi }))).toBeUndefined();
  });

  it.each([
    ['15360 MiB, 14910 MiB', { total: 15360 * 2 ** 20, free: 14910 * 2 ** 20 }],
    ['[N/A], [N/A]', undefined],
    ['[Insufficient Permissions], [Insufficient Permissions]', undefined],
    ["NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", undefined],
    ['No devices were found', undefined],
    ['', undefined],
  ])('is read from %j', (text, expected) => {
    expect(parseNvidiaSmi(text)).toEqual(expected);
  });

  it('of WebGPU is that of the largest card of amdgpu', () => {
    const drm = join(root, 'drm');
    const write = (card: string, what: string, text: string) => {
      mkdirSync(join(drm, card, 'device'), { recursive: true });
      writeFileSync(join(drm, card, 'device', `mem_info_vram_${what}`), text);
    };
    write('card0', 'total', '536870912\n');
    write('card1', 'total', '17163091968\n');
    write('card1', 'used', '1163091968\n');
    mkdirSync(join(drm, 'card1-DP-1'));
    expect(memoryOf('webgpu', places({ drm }))).toEqual({ total: 17163091968, free: 16000000000 });
    expect(memoryOf('webgpu', places({ drm, vulkanFiles: ['/opt/other.json'] }))).toBeUndefined();
  });

  it('of WebGPU on Apple silicon is a share of the machine, and elsewhere unknown', () => {
    expect(memoryOf('webgpu', places({ platform: 'darwin', arch: 'arm64' }))!.total).toBeCloseTo(16e9, -3);
    expect(memoryOf('webgpu', places({ platform: 'darwin' }))).toBeUndefined();
    expect(memoryOf('webgpu', places({ platform: 'win32' }))).toBeUndefined();
    expect(memoryOf('webgpu', places())).toBeUndefined();
  });

  it('is found on this machine', () => {
    expect(memoryOf('cpu')!.total).toBeGreaterThan(1e8);
    expect(memoryOf('cuda:99')).toBeUndefined();
  });
});
