// What cached shapes cost, measured through the engine in processes of their own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeEncoder } from '#ortune/models/directory.js';
import { childResult } from '../runtime/children.js';

const root = mkdtempSync(join(tmpdir(), 'ortune-memory-'));
afterAll(() => rmSync(root, { recursive: true }));

const measure = (model: string, freeze: string, lengths: number[]) =>
  childResult<{ added: number; parametersMB: number }>('../../train/children/memory.mjs', [
    model,
    freeze,
    ...lengths.map(String),
  ]);

describe('an engine', () => {
  it('keeps four shapes in at most 1.25 times the memory of the largest', async () => {
    const model = join(root, 'wide');
    writeEncoder(model, { layers: 4, hidden: 192, heads: 4, vocabulary: 1000, positions: 256 });
    const largest = await measure(model, 'nothing', [256]);
    const growing = await measure(model, 'nothing', [32, 64, 128, 256]);
    const mixed = await measure(model, 'nothing', [128, 256, 32, 64]);
    expect(largest.added).toBeGreaterThan(60);
    expect(growing.added).toBeLessThan(1.25 * largest.added);
    expect(mixed.added).toBeLessThan(1.25 * largest.added);
  });

  it('holds more than 100 MB of frozen weights at most 1.3 times more for five shapes', async () => {
    const model = join(root, 'frozen');
    writeEncoder(model, { layers: 7, hidden: 640, heads: 10, vocabulary: 500, positions: 64 });
    const five = await measure(model, 'trunk', [4, 8, 12, 16, 20]);
    expect(five.parametersMB).toBeGreaterThan(100);
    expect(five.added).toBeLessThan(1.3 * five.parametersMB);
  });
});
