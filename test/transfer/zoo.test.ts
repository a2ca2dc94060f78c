// Weights wherever models have them: PyTorch's parameters and buffers, found in exported files by their values.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { matchParameters } from '../fixtures/zoo/match.mjs';

const zoo = fileURLToPath(new URL('../fixtures/zoo/', import.meta.url));
const files = readdirSync(zoo).filter((name) => name.endsWith('.onnx'));

test.each(files)('%s: every parameter of PyTorch is trained, and no buffer', (name) => {
  const { present, missed, buffers } = matchParameters(zoo + name);
  expect(present.length).toBeGreaterThan(5);
  expect(missed).toEqual([]);
  // Zeros that are added cannot be told from a bias; they are named by the exporter.
  expect(buffers.filter(({ name: buffer }: { name: string }) => buffer !== 'final_logits_bias')).toEqual([]);
});

test('what looks like a constant is trained on request, and a pattern without a tensor is refused', () => {
  const file = `${zoo}plain-places.ts17.onnx`;
  const { buffers } = matchParameters(file, { trainable: ['m.table', '*std'] });
  expect(buffers.map(({ name }: { name: string }) => name)).toEqual(['std', 'table']);
  expect(() => matchParameters(file, { trainable: ['m.chairs'] })).toThrow(/trainable: 'm\.chairs' matches none of/);
});
