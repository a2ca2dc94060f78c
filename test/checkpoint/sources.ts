// Small models to take checkpoints of.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { CheckpointSource } from '#ortune/checkpoint/store.js';

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

/** A directory that goes when the test file is done. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-checkpoint-'));
  made.push(directory);
  return directory;
}

const shapes: [string, number[]][] = [
  ['layer.0/weight', [3, 5]],
  ['7', [4]],
  ['scalar "quoted" ü', []],
  ['empty', [0, 3]],
];

/** Parameters and two moments of each, views of one shared arena per kind; element i of the arena is start + i. */
export function sources(start = 0): CheckpointSource[] {
  const count = 15 + 4 + 1;
  const views = (file: 'model' | 'optimizer', prefix: string, from: number): CheckpointSource[] => {
    const data = new Float32Array(new SharedArrayBuffer(4 * count));
    for (let i = 0; i < count; i++) data[i] = from + i;
    let offset = 0;
    return shapes.map(([name, shape]) => {
      const length = shape.reduce((a, b) => a * b, 1);
      offset += length;
      return { file, name: prefix + name, shape, data: data.subarray(offset - length, offset) };
    });
  };
  return [
    ...views('model', '', start),
    ...views('optimizer', 'm.', start + 100),
    ...views('optimizer', 'v.', start + 200),
  ];
}

export const valuesOf = (of: readonly CheckpointSource[]): number[] => of.flatMap(({ data }) => [...data]);
