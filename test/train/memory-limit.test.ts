// What a run says of the memory that it needs, and that it ends before its first step where that is more than it may
// use.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import type { StartEvent } from '#ortune/events.js';
import { checkMemory } from '#ortune/train/memory-check.js';
import { openRun } from '#ortune/train/open-run.js';
import { Trainer } from '#ortune/train/trainer.js';
import { ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns } from '../support/train.js';

const { path } = smallProblem();
const config = newRuns(path, { maxSteps: 1 });

describe('a run with a limit of memory', () => {
  it('says what it needs before its first step', async () => {
    const options = config({ memoryLimit: '100GB' });
    const trainer = new Trainer(options);
    const starts: StartEvent[] = [];
    const said: string[] = [];
    trainer.on('start', (event) => starts.push(event));
    trainer.on('warning', ({ message }) => said.push(message));
    const result = await trainer.run();
    expect(said).toContainEqual(
      expect.stringMatching(
        /needs about \d+ MB of memory \(weights and optimizer .*, activations .* for batches of 16 x 32, .* beside\)/,
      ),
    );
    expect(result.estimatedBytes).toBeGreaterThan(5e7);
    expect(starts.map(({ estimatedBytes }) => estimatedBytes)).toEqual([result.estimatedBytes]);
    const lines = readFileSync(join(options.output, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const recorded = lines.map((line) => JSON.parse(line)).find(({ event }) => event === 'memory');
    expect(recorded).toMatchObject({ estimatedBytes: result.estimatedBytes, shape: [16, 32], limit: 100e9 });
  });

  it('that is too small ends as wrong usage, and nothing is written', async () => {
    const options = config({ memoryLimit: 1e7 });
    await expect(new Trainer(options).run()).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(
        /^the run needs about .*, and memoryLimit is 10 MB; even batchSize 1 needs about \d+ MB, more than 10 MB/,
      ),
    });
    expect(existsSync(options.output)).toBe(false);
  });

  it('ends the command with code 2, and the batch that fits', async () => {
    const flags = ['--model', path('encoder'), '--train', path('train.jsonl'), '--output', path('limited')];
    const { code, stderr } = await ortune(['train', ...flags, '--batch-size', '16384', '--memory-limit', '600MB']);
    expect(stderr).toMatch(
      /needs about .* for batches of 16384 x 32.*memoryLimit is 600 MB; batchSize \d+ fits in 600 MB: set batchSize to \d+ and gradientAccumulationSteps to \d+/,
    );
    expect(code).toBe(2);
  });

  it('is without a word on the CPU where none is set', async () => {
    const trainer = new Trainer(config());
    const said: string[] = [];
    trainer.on('warning', ({ message }) => said.push(message));
    const result = await trainer.run();
    expect(result.estimatedBytes).toBeUndefined();
    expect(said.filter((message) => message.includes('memory'))).toEqual([]);
  });
});

describe('a device that has less than a run needs', () => {
  it('is a warning, with the batch that fits', async () => {
    const options = parseOptions(trainSchema, config({ memoryLimit: '100GB', batchSize: 16384 }));
    const run = await openRun(options, {}, undefined);
    try {
      const { engine, loader } = run;
      const has = (free: number) => () => ({ total: 24e9, free });
      const [note] = (await checkMemory(options, engine, loader, has(7e8)))!.notes;
      expect(note).toMatch(/^needs about .*, and cpu has 70\d MB for it; batchSize \d+ fits in 70\d MB: set batchSize/);
      expect((await checkMemory(options, engine, loader, has(20e9)))!.notes[0]).not.toContain('for it');
      expect((await checkMemory(options, engine, loader, () => undefined))!.notes[0]).not.toContain('for it');
    } finally {
      await run.close();
    }
  });
});
