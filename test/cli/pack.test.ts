// ortune pack as its users run it: what it prints, that an interrupted one goes on, and what is said of wrong usage.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path, write, lines } = problem;

const digits = join(import.meta.dirname, '../fixtures/digits');
const texts = ['--model', path('encoder'), '--data', path('train.jsonl')];

describe('ortune pack', () => {
  it('writes texts that are trained on, measured and labelled, without the task being named', async () => {
    const output = path('train.safetensors');
    const packed = await ortune(['pack', ...texts, '--output', output, '--json']);
    expect(packed, packed.stderr).toMatchObject({ code: 0, json: { output, samples: 64, truncated: 0, skipped: [] } });
    const run = ['train', '--model', path('encoder'), '--epochs', '1', '--save-strategy', 'no'];
    const trained = await ortune([...run, '--train', output, '--output', path('run')]);
    expect(trained.code, trained.stderr).toBe(0);
    const plain = await ortune([...run, '--train', path('train.jsonl'), '--output', path('plain')]);
    expect(plain.code, plain.stderr).toBe(0);
    const weights = (name: string) => readFileSync(join(path(name), 'model/onnx/model.onnx'));
    expect(weights('run').equals(weights('plain'))).toBe(true);
    const measured = await ortune(['eval', path('run/model'), output]);
    expect(measured.stdout).toMatch(/64 samples: loss/);
    const labelled = await ortune(['predict', path('run/model'), output]);
    expect(labelled.stdout.trimEnd().split('\n')[63]).toMatch(/^(ham|spam)\t[01]\.\d{4}\t.*train\.safetensors:row 63$/);
    const asPictures = ['--task', 'image-classification', '--train', output, '--output', path('x')];
    const refused = await ortune(['train', '--model', join(digits, 'net.onnx'), ...asPictures]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/holds packed texts, and the data are read as pictures; set task to one of texts/),
    });
  });

  it('writes pictures that are trained on, measured and labelled', async () => {
    const output = path('digits.safetensors');
    const data = join(digits, 'train.safetensors');
    const packed = await ortune(['pack', data, '--output', output, '--channels', '1', '--size', '8x8']);
    expect(packed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/digits\.safetensors: \d+ samples, \d+ kB/),
    });
    const run = ['train', '--model', join(digits, 'net.onnx'), '--epochs', '1', '--save-strategy', 'no'];
    for (const [name, file] of Object.entries({ packed: output, unpacked: data })) {
      const trained = await ortune([...run, '--train', file, '--output', path(name)]);
      expect(trained.code, trained.stderr).toBe(0);
    }
    const weights = (name: string) => readFileSync(join(path(name), 'model/onnx/model.onnx'));
    expect(weights('packed').equals(weights('unpacked'))).toBe(true);
    expect((await ortune(['eval', path('packed/model'), output])).stdout).toMatch(/samples: loss/);
    expect((await ortune(['predict', path('packed/model'), output])).stdout).toMatch(/digits\.safetensors:row 0\n/);
  });

  it('goes on where it was interrupted', async () => {
    const many = write('many.jsonl', `${Array.from({ length: 500 }, () => lines.join('\n')).join('\n')}\n`);
    const output = path('many.safetensors');
    const args = ['pack', '--model', path('encoder'), many, '--output', output, '--workers', '1', '--json'];
    let told = false;
    const stopped = await ortune(args, {
      onStderr: (text, kill) => {
        if (!told && text.includes('sample 0/')) kill('SIGINT');
        told ||= text.includes('sample 0/');
      },
    });
    expect(stopped).toMatchObject({ code: 130, json: { output, interrupted: true } });
    expect(stopped.stderr).toContain(`go on with: ortune ${args.join(' ')}`);
    expect(existsSync(output)).toBe(false);
    expect(existsSync(`${output}.partial`)).toBe(true);
    const done = await ortune(args);
    expect(done).toMatchObject({ code: 0, json: { samples: 32000 } });
    expect(existsSync(`${output}.partial`)).toBe(false);
  });

  it.each([
    ['no output', ['pack', ...texts], 2, /option '--output' is missing|'--output'/],
    ['an output of another name', ['pack', ...texts, '--output', path('x.bin')], 2, /must end in \.safetensors/],
    [
      'an output that cannot be written',
      ['pack', ...texts, '--output', path('taken.safetensors')],
      2,
      /is there already/,
    ],
    [
      'data that are not there',
      ['pack', path('nothing'), '--output', path('y.safetensors')],
      1,
      /nothing cannot be read/,
    ],
  ])('refuses %s', async (_, args, code, says) => {
    mkdirSync(path('taken.safetensors'), { recursive: true });
    const refused = await ortune(args);
    expect(refused.code, refused.stderr).toBe(code);
    expect(refused.stderr).toMatch(says);
    expect(refused.stderr).not.toContain('    at ');
  });

  it('says what keeps it from writing', async () => {
    write('file', '');
    const refused = await ortune(['pack', ...texts, '--output', path('file/y.safetensors')]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/output .*y\.safetensors cannot be written: E/),
    });
    mkdirSync(path('z.safetensors.partial'));
    const failed = await ortune(['pack', ...texts, '--output', path('z.safetensors')]);
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/z\.safetensors cannot be written: EISDIR.*the same command/),
    });
  });
});
