import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Trainer, UsageError } from 'ortune';
import { trainOnSpam } from '../program/spam.mjs';

test('trains, measures and predicts', async () => {
  const { losses, trained, measured } = await trainOnSpam();
  expect(losses).toHaveLength(3);
  expect(measured).toBeCloseTo(trained);
});

test('takes data and a signal of this realm, and throws its errors', async () => {
  const output = join(tmpdir(), 'ortune-never-written');
  const rows = new Set([
    { text: 'free', label: 'spam' },
    { text: 'lunch', label: 'ham' },
  ]);
  const trainer = new Trainer({ model: process.env.MODEL, train: rows, output });
  await expect(trainer.run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  expect(() => new Trainer({ model: 'm', train: rows, output, epochs: 'two' })).toThrow(UsageError);
  expect(() => new Trainer({ model: 'm', train: rows, output, epochs: 'two' })).toThrow(Error);
});
