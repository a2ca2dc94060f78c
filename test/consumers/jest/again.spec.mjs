import { expect, jest, test } from '@jest/globals';
import { trainOnSpam } from '../program/spam.mjs';

test('trains in a second file of the process, with modules and globals of its own, and timers that never fire', async () => {
  jest.useFakeTimers();
  const { losses, trained, measured } = await trainOnSpam();
  expect(losses).toHaveLength(3);
  expect(measured).toBeCloseTo(trained);
});
