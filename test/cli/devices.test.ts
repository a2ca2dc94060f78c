// ortune devices and ortune doctor as their users run them.

import { describe, expect, it } from 'vitest';
import { addon, setsOfBfloat16 } from '#ortune/runtime/native.js';
import { ortune } from '../support/command.js';

/** Of the CPU. */
const precisions = ['float32', ...(setsOfBfloat16.includes(addon().instructionSet()) ? ['bfloat16'] : [])];

describe('ortune devices', () => {
  it('lists what was tried, what works and how fast, and what auto is', async () => {
    const { code, json } = await ortune(['devices', '--json']);
    expect(code).toBe(0);
    expect(json.devices.map(({ name }: { name: string }) => name)).toEqual(['cuda', 'webgpu', 'cpu']);
    for (const { works, gflops, reason } of json.devices)
      expect(works ? gflops > 0 : /does not work here: .*'ortune doctor'/s.test(reason)).toBe(true);
    expect(json.devices.at(-1)).toMatchObject({ works: true, precisions });
    expect(json.auto.why).toMatch(/^the fastest at a matrix product \(GFLOP\/s: /);
  });

  it('says the same to people', async () => {
    const { code, stdout } = await ortune(['devices']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^cuda .*\nwebgpu .*\ncpu +works: [\d.]+ GFLOP\/s at a product of \d+ rows; float32(, bfloat16)?\nauto is \w+: /s,
    );
  });
});

describe('ortune doctor', () => {
  it('ends with 0 when the CPU has what it needs, and with 1 when the device asked for has not', async () => {
    const all = await ortune(['doctor', '--json']);
    expect(all.code).toBe(0);
    const devices = new Set(all.json.findings.map(({ device }: { device: string }) => device));
    expect([...devices]).toEqual(expect.arrayContaining(['cpu', 'cuda']));
    const cuda = await ortune(['doctor', 'cuda', '--json']);
    const lacks = cuda.json.findings.some(({ ok }: { ok: boolean }) => !ok);
    expect(cuda.code).toBe(lacks ? 1 : 0);
    expect((await ortune(['doctor', 'cpu'])).stdout).toMatch(/^cpu {5}ok {7}native addon: .*ortune\.node\n/);
  });

  it('knows no other device', async () => {
    const { code, stderr } = await ortune(['doctor', 'tpu']);
    expect(code).toBe(2);
    expect(stderr).toContain("doctor takes cpu, webgpu, cuda, found 'tpu'");
  });
});

describe('ortune train --device', () => {
  it('refuses what is no device', async () => {
    const { code, stderr } = await ortune([
      'train',
      '--model',
      'm',
      '--train',
      't',
      '--output',
      'o',
      '--device',
      'gpu',
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain(`option '--device' must be auto, cpu, webgpu, cuda or cuda:N, found "gpu"`);
  });
});
