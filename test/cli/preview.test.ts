import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { ortune } from '../support/command.js';
import { digitsFile, digitsNetwork } from '../support/digits.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('preview');
const path = (name: string): string => join(directory, name);

test('a sheet shows each picture and its augmented forms, as the file of a run says', async () => {
  const run = {
    model: digitsNetwork,
    train: digitsFile('train'),
    output: path('run'),
    epochs: 3,
    augmentation: [{ op: 'randomRotation', degrees: 40 }, 'mixup'],
  };
  writeFileSync(path('run.json'), JSON.stringify(run));
  const args = ['--output', path('sheet.png'), '--pictures', '3', '--variants', '2', '--json'];
  const { code, stdout } = await ortune(['preview', path('run.json'), ...args]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ output: path('sheet.png'), pictures: 3, variants: 2 });
  // Three columns of 128 pixels and three rows below the title.
  const { width, height, format } = await sharp(path('sheet.png')).metadata();
  expect([format, width, height]).toEqual(['png', 8 + 3 * 128, 8 + 28 + 3 * (120 + 18 + 8)]);
});

test('what cannot be written is said', async () => {
  const args = ['--model', digitsNetwork, '--train', digitsFile('train'), '--output', path('none/sheet.png')];
  const { code, stderr } = await ortune(['preview', ...args]);
  expect(stderr).toContain('none/sheet.png cannot be written');
  expect(code).toBe(1);
});
