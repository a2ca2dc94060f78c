import { expect, test } from 'vitest';
import { trainOnSpam } from '../program/spam.mjs';

test('trains, measures and predicts', async () => {
  const { losses, trained, measured } = await trainOnSpam();
  expect(losses).toHaveLength(3);
  expect(measured).toBeCloseTo(trained);
});
