// A run that is killed four times, at each kind of moment, and resumed ends with the bits of an undisturbed one.

import { expect, it } from 'vitest';
import { killAndResume } from '../../bench/kill.mjs';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('kill');

it('killed in the middle and at the end of an epoch, in a later one and while a checkpoint is written', async () => {
  const plan = [['in the middle of epoch 1', 'at the end of epoch 1', 'while a checkpoint is written', 'in epoch 3']];
  expect(await killAndResume(directory, plan)).toEqual({ kills: 4, runs: 1, different: [] });
});
