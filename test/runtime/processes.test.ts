import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childResult, runChild } from '../support/children.js';
import { deep, linear, product } from './graphs.js';

let folder: string;
const file = (name: string): string => path.join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ortune-runtime-'));
  writeFileSync(file('linear.onnx'), linear());
  writeFileSync(file('deep.onnx'), deep({ rows: 512, width: 256, layers: 4 }));
  writeFileSync(file('long.onnx'), deep({ rows: 2048, width: 512, layers: 24 }));
  writeFileSync(file('longer.onnx'), deep({ rows: 4096, width: 512, layers: 24 }));
  for (const rows of [1024, 2048, 3072, 4096])
    writeFileSync(file(`rows${rows}.onnx`), deep({ rows, width: 256, layers: 16 }));
  for (const rows of [1, 2, 3, 4, 5]) writeFileSync(file(`frozen${rows}.onnx`), product(rows, 2048));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the same run has the same bits whoever loaded the runtime first', async () => {
  interface Order {
    bits: string;
    again: string;
    sharedThreads: boolean;
    finite: boolean;
  }
  const run = (order: string) => childResult<Order>('load-order.mjs', [order, file('deep.onnx'), file('linear.onnx')]);
  const first = await run('first');
  const afterSession = await run('after-session');
  const afterTransformers = await run('after-transformers');
  expect(first.finite).toBe(true);
  for (const order of [first, afterSession, afterTransformers])
    expect([order.bits, order.again]).toEqual([first.bits, first.bits]);
  expect(first.sharedThreads).toBe(true);
  expect(afterSession.sharedThreads).toBe(false);
  expect(afterTransformers.sharedThreads).toBe(false);
});

describe('a process may end while', () => {
  test.each([
    ['the device opens', 'opening'],
    ['a session is made', 'creating'],
    ['a run is under way', 'running'],
    ['runs wait behind one under way', 'queued'],
    ['sessions are left unreleased', 'unreleased'],
    ['a worker that was stopped in a run is gone', 'worker'],
  ])('%s', async (_, moment) => {
    expect(await runChild('exit.mjs', [moment, file('long.onnx')])).toEqual({
      code: 7,
      signal: null,
      stdout: '',
      stderr: '',
    });
  });
});

test('worker threads and the main thread use the addon together', async () => {
  expect(await childResult('workers.mjs', [file('deep.onnx')])).toEqual({ agree: 3, codes: [0, 0, 0], later: true });
});

test('worker threads use the addon and end where the main thread never loads it', async () => {
  expect(await childResult('workers-alone.mjs')).toEqual({ ended: 80 });
});

test('worker threads may be stopped while they load the addon', async () => {
  expect(await childResult('workers-stopped.mjs')).toEqual({ ended: 180 });
});

test('the event loop goes on during a long run', async () => {
  const { runMs, ticks, longestMs } = await childResult<{ runMs: number; ticks: number; longestMs: number }>(
    'responsive.mjs',
    [file('longer.onnx')],
  );
  expect(runMs).toBeGreaterThan(200);
  expect(ticks).toBeGreaterThan(runMs / 50);
  expect(longestMs).toBeLessThan(runMs / 2);
});

describe('memory:', () => {
  interface Memory {
    added: number;
    left: number;
  }
  const shapes = (rows: number[]) =>
    childResult<Memory>('memory.mjs', ['shapes', ...rows.map((r) => `${file(`rows${r}.onnx`)}:${r}`)]);

  test('four cached shapes take at most 1.25 times that of the largest', async () => {
    const largest = await shapes([4096]);
    const growing = await shapes([1024, 2048, 3072, 4096]);
    const mixed = await shapes([3072, 1024, 4096, 2048]);
    expect(largest.added).toBeGreaterThan(50);
    expect(growing.added).toBeLessThan(1.25 * largest.added);
    expect(mixed.added).toBeLessThan(1.25 * largest.added);
  });

  test('a released session gives its memory back', async () => {
    const { added, left } = await shapes([4096]);
    expect(left).toBeLessThan(0.25 * added);
  });

  test('five sessions over one frozen weight hold it at most 1.3 times more', async () => {
    const graphs = [1, 2, 3, 4, 5].map((rows) => `${file(`frozen${rows}.onnx`)}:${rows}`);
    const one = await childResult<{ added: number; weightMB: number }>('memory.mjs', ['frozen', graphs[0]!]);
    const five = await childResult<{ added: number; weightMB: number }>('memory.mjs', ['frozen', ...graphs]);
    expect(five.added).toBeLessThan(1.3 * five.weightMB);
    expect(five.added - one.added).toBeLessThan(0.3 * five.weightMB);
  });
});

test('a second copy of the runtime is refused and both are named', async () => {
  const own = path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const binaries = path.join('bin', 'napi-v6', process.platform, process.arch);
  const copy = path.join(folder, 'copy');
  cpSync(path.join(own, binaries), copy, { recursive: true });
  const { message } = await childResult<{ message: string }>('two-runtimes.mjs', [copy]);
  expect(message).toContain('two different ONNX Runtimes are loaded in one process');
  expect(message).toContain(path.join(own, binaries));
  expect(message).toContain(copy);
});
