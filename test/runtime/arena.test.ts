import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { addon } from '#ortune/runtime/native.js';

const entries = Arena.layout([
  { name: 'scalar', shape: [] },
  { name: 'matrix', shape: [3, 7] },
  { name: 'nothing', shape: [0, 4] },
  { name: 'vector', shape: [16] },
]);

test('tensors lie one behind the other on 64-byte boundaries', () => {
  expect(entries.map(({ offset, length }) => [offset, length])).toEqual([
    [0, 1],
    [16, 21],
    [48, 0],
    [48, 16],
  ]);
  expect(Arena.size(entries)).toBe(64);
  expect(Arena.size([])).toBe(0);
});

test('views are the arena itself, aligned in memory', () => {
  const arena = Arena.create(entries);
  expect(arena.data.length).toBe(64);
  for (const { name, shape } of entries) {
    const view = arena.view(name);
    expect(view.shape).toEqual(shape);
    expect(view.data.length === 0 || addon().misalignment(view.data) === 0).toBe(true);
  }
  arena.array('matrix')[0] = 5;
  expect(arena.data[16]).toBe(5);
  expect(arena.whole()).toEqual({ dtype: 'float32', shape: [64], data: arena.data });
  expect([...arena.like().data]).toEqual(new Array(64).fill(0));
  expect([arena.has('matrix'), arena.has('tensor')]).toEqual([true, false]);
  expect(() => arena.view('tensor')).toThrow("the arena has no tensor 'tensor'");
});

test('two tensors of one name are an error', () => {
  const twice = Arena.layout([
    { name: 'a', shape: [1] },
    { name: 'a', shape: [2] },
  ]);
  expect(() => Arena.create(twice)).toThrow('two tensors of one name');
});

test('another thread sees the same elements', async () => {
  const arena = Arena.create(entries);
  const over = Arena.over(entries, arena.buffer);
  expect(over.data.byteOffset).toBe(arena.data.byteOffset);
  const worker = new Worker(new URL('./children/arena-worker.mjs', import.meta.url), {
    workerData: { entries, buffer: arena.buffer },
  });
  await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  expect(arena.array('vector')[3]).toBe(42);
});

test('tensors of every element type are aligned', () => {
  for (const dtype of ['float32', 'int64', 'bool', 'uint32', 'float16'] as const)
    expect(addon().misalignment(sharedTensor(dtype, [3]).data)).toBe(0);
});
