import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { type TrainOptions, trainSchema } from '#ortune/config/train-schema.js';
import { UsageError } from '#ortune/errors.js';
import { EventSchema } from '#ortune/report/tensorboard/event_pb.js';
import { RunDirectory } from '#ortune/train/run-directory.js';
import { itWhere, noFullDevice } from '../support/describe-where.js';

let parent: string;
let output: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'ortune-run-'));
  output = join(parent, 'run');
});
afterEach(() => rmSync(parent, { recursive: true }));

const config = (more: Partial<TrainOptions> = {}) =>
  parseOptions(trainSchema, { model: 'm', train: 't.jsonl', output, ...more });
const step = (n: number, more: object = {}) => ({ step: n, loss: 1 / n, learningRate: 0, gradNorm: 1, ...more });
const text = () => readFileSync(join(output, 'metrics.jsonl'), 'utf8');
const lines = () =>
  text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const eventFiles = () => readdirSync(output).filter((name) => name.includes('tfevents'));

/** [step, tags or the kind of event] of a file's events. */
function told(name: string): [number, string][] {
  const bytes = readFileSync(join(output, name));
  const found: [number, string][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const { step, what } = fromBinary(EventSchema, bytes.subarray(at + 12, at + 12 + length));
    const tags = what.case === 'summary' ? what.value.value.map(({ tag }) => tag).join(' ') : what.case!;
    found.push([Number(step), tags]);
    at += 16 + length;
  }
  return found;
}

/** A run of `steps` steps with an evaluation and a checkpoint after each second one. */
async function run(steps: number): Promise<void> {
  const directory = new RunDirectory(config());
  directory.record('warning', { message: 'early' });
  directory.open();
  for (let n = 1; n <= steps; n++) {
    directory.record('step', step(n));
    if (n % 2 > 0) continue;
    directory.record('evaluation', { name: 'eval', step: n, metrics: { samples: 4, loss: 0.5, macro: { f1: 1 } } });
    mkdirSync(join(directory.checkpoints, `step-${n}`), { recursive: true });
    directory.record('checkpoint', { step: n });
    directory.record('warning', { message: `after ${n}` });
  }
  await directory.close();
  expect(directory.failure).toBeUndefined();
}

describe('a run', () => {
  it('writes nothing before it is opened', async () => {
    const directory = new RunDirectory(config());
    directory.record('step', step(1));
    await directory.flush();
    await directory.close();
    expect(existsSync(output)).toBe(false);
  });

  it('has its options, a line per record and the scalars of steps and evaluations', async () => {
    await run(2);
    expect(JSON.parse(readFileSync(join(output, 'config.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(config())));
    expect(lines().map(({ event, step }) => [event, step])).toEqual([
      ['warning', undefined],
      ['step', 1],
      ['step', 2],
      ['evaluation', 2],
      ['checkpoint', 2],
      ['warning', undefined],
    ]);
    const tags = 'train/loss train/learning_rate train/grad_norm memory/rss_bytes';
    expect(eventFiles()).toHaveLength(1);
    expect(told(eventFiles()[0]!)).toEqual([
      [0, 'fileVersion'],
      [0, 'sessionLog'],
      [1, tags],
      [2, tags],
      [2, 'eval/loss eval/macro/f1'],
    ]);
  });

  it('has everything on the disk after a flush', async () => {
    const directory = new RunDirectory(config());
    directory.open();
    directory.record('step', step(1));
    await directory.flush();
    expect(lines()).toEqual([{ event: 'step', ...step(1) }]);
    expect(told(eventFiles()[0]!)).toHaveLength(3);
    await directory.close();
  });

  it('writes no event files with tensorboard false', async () => {
    const directory = new RunDirectory(config({ tensorboard: false }));
    directory.open();
    directory.record('step', step(1));
    await directory.close();
    expect(readdirSync(output).sort()).toEqual(['config.json', 'metrics.jsonl']);
  });
});

describe('a directory that holds a run', () => {
  it('is refused without overwrite', async () => {
    await run(2);
    expect(() => new RunDirectory(config())).toThrow(/holds a run already; choose another directory or set overwrite/);
    rmSync(join(output, 'metrics.jsonl'));
    expect(() => new RunDirectory(config())).toThrow(UsageError);
  });

  it('is replaced with overwrite: metrics, events and checkpoints go, the model and what is not the run’s stay', async () => {
    await run(4);
    mkdirSync(join(output, 'model'));
    mkdirSync(join(output, '.checkpoints.1.removed'));
    writeFileSync(join(output, 'notes.txt'), 'mine');
    const [old] = eventFiles();
    const directory = new RunDirectory(config({ overwrite: true }));
    expect(lines()).toHaveLength(11);
    directory.open();
    expect(existsSync(directory.checkpoints)).toBe(false);
    directory.record('step', step(1));
    await directory.close();
    expect(lines()).toHaveLength(1);
    const [event] = eventFiles();
    expect(event).not.toBe(old);
    expect(readdirSync(output).sort()).toEqual(['config.json', event, 'metrics.jsonl', 'model', 'notes.txt'].sort());
  });
});

describe('a resumed run', () => {
  async function resume(resumeStep: number, more: Partial<TrainOptions> = {}): Promise<void> {
    const directory = new RunDirectory(config({ resume: 'latest', ...more }), { resumeStep });
    directory.open();
    directory.record('step', step(resumeStep + 1, { again: true }));
    await directory.close();
    expect(directory.failure).toBeUndefined();
  }

  it('keeps the lines up to its checkpoint and goes on after them', async () => {
    await run(6);
    const before = text();
    await resume(4);
    const end = before.indexOf('{"event":"step","step":5');
    expect(text()).toBe(`${before.slice(0, end)}${JSON.stringify({ event: 'step', ...step(5, { again: true }) })}\n`);
    expect(readdirSync(join(output, 'checkpoints'))).toEqual(['step-2', 'step-4', 'step-6']);
    expect(existsSync(join(output, 'metrics.jsonl.partial'))).toBe(false);
  });

  it('leaves out a torn last line and lines of later steps wherever they stand', async () => {
    await run(3);
    const before = text();
    const line = (event: string, more: object) => `${JSON.stringify({ event, ...more })}\n`;
    const message = 'with a line separator \u2028 in it';
    const added = line('warning', { message }) + line('checkpoint', { step: 2, path: 'late' });
    writeFileSync(
      join(output, 'metrics.jsonl'),
      `${before}${line('step', step(4))}${added}not json\nnull\n{"event":"step","st`,
    );
    await resume(3);
    // The warning came after step 4 and goes with it; the checkpoint is that of step 2, told of late.
    expect(text()).toBe(
      `${before}${line('checkpoint', { step: 2, path: 'late' })}${line('step', step(4, { again: true }))}`,
    );
  });

  it('keeps a last line that lacks nothing but its end', async () => {
    await run(1);
    const whole = text();
    writeFileSync(join(output, 'metrics.jsonl'), whole.trimEnd());
    await resume(1);
    expect(text().startsWith(whole)).toBe(true);
    expect(lines()).toHaveLength(3);
  });

  it('tells TensorBoard where it starts, in a file that comes after the earlier ones', async () => {
    await run(6);
    const before = eventFiles();
    await resume(4);
    const after = eventFiles().sort();
    expect(after[0]).toBe(before[0]);
    expect(told(after[1]!).slice(0, 3)).toEqual([
      [0, 'fileVersion'],
      [5, 'sessionLog'],
      [5, 'train/loss train/learning_rate train/grad_norm memory/rss_bytes'],
    ]);
  });

  it('may name its checkpoint by a path', async () => {
    await run(2);
    symlinkSync(output, join(parent, 'link'));
    await resume(2, { resume: join(parent, 'link', 'checkpoints', 'step-2') });
    expect(lines()).toHaveLength(7);
  });

  it('begins a new run where its checkpoint is that of another directory', async () => {
    await run(2);
    const resume = join(output, 'checkpoints', 'step-2');
    const other = join(parent, 'other');
    const directory = new RunDirectory(config({ resume, output: other }), { resumeStep: 2 });
    directory.open();
    directory.record('step', step(3));
    await directory.close();
    expect(JSON.parse(readFileSync(join(other, 'metrics.jsonl'), 'utf8'))).toMatchObject({ step: 3 });
    expect(() => new RunDirectory(config({ resume, output: other }), { resumeStep: 2 })).toThrow(
      /other holds another run than that of the checkpoint .*step-2; choose another directory/,
    );
  });

  it('goes on where metrics.jsonl is missing', async () => {
    await run(2);
    rmSync(join(output, 'metrics.jsonl'));
    await resume(2);
    expect(lines()).toHaveLength(1);
  });
});

describe('what cannot be written', () => {
  it('is a usage error where a file lies in the way', () => {
    writeFileSync(output, 'mine');
    expect(() => new RunDirectory(config()).open()).toThrow(/output .*run cannot be written/);
    rmSync(output);
    mkdirSync(output);
    writeFileSync(join(output, 'model'), 'mine');
    expect(() => new RunDirectory(config()).open()).toThrow(/model is a file, not a directory/);
  });

  it('of an earlier metrics.jsonl is a failure that leaves the file as it was', async () => {
    mkdirSync(join(output, 'metrics.jsonl'), { recursive: true });
    const directory = new RunDirectory(config({ resume: 'latest' }), { resumeStep: 2 });
    directory.open();
    directory.record('step', step(3));
    await directory.flush();
    expect(directory.failure?.message).toMatch(/metrics\.jsonl cannot be written: EISDIR/);
    await directory.close();
    expect(existsSync(join(output, 'metrics.jsonl'))).toBe(true);
  });

  itWhere(noFullDevice, 'because the disk is full is a failure, not an exception', async () => {
    mkdirSync(output);
    symlinkSync('/dev/full', join(output, 'metrics.jsonl'));
    const directory = new RunDirectory(config({ overwrite: true }));
    directory.open();
    directory.record('step', step(1));
    await directory.flush();
    expect(directory.failure?.message).toMatch(/metrics\.jsonl cannot be written: ENOSPC/);
    directory.record('step', step(2));
    await directory.close();
  });
});
