import { describe, expect, it } from 'vitest';
import { resumeCommand } from '#ortune/cli/resume-command.js';

describe('resumeCommand', () => {
  it.each<[string[], boolean, string]>([
    [['train', 'run.yaml'], false, 'ortune train run.yaml --resume'],
    [['train', '--epochs', '2', 'run.yaml', '--json'], false, 'ortune train --epochs 2 run.yaml --json --resume'],
    [['train', 'run.yaml', '--overwrite'], false, 'ortune train run.yaml --resume'],
    [['train', 'run.yaml'], true, 'ortune train run.yaml --no-overwrite --resume'],
    [['train', 'run.yaml', '--no-overwrite'], true, 'ortune train run.yaml --no-overwrite --resume'],
    [['train', 'run.yaml', '--resume', 'c/step-3', '--seed', '1'], false, 'ortune train run.yaml --seed 1 --resume'],
    [['train', 'run.yaml', '--resume', '--seed', '1'], false, 'ortune train run.yaml --seed 1 --resume'],
    [['train', 'run.yaml', '--resume=c/step-3'], false, 'ortune train run.yaml --resume'],
    [['train', "it's.yaml", '--freeze', '*bias'], false, "ortune train 'it'\\''s.yaml' --freeze '*bias' --resume"],
  ])('goes on after %j (overwrite in the file: %s)', (args, overwrite, command) => {
    expect(resumeCommand(args, overwrite)).toBe(command);
  });
});
