import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type CheckpointSource,
  CheckpointWriter,
  checkpointsOf,
  type Keep,
  listCheckpoints,
  loadCheckpoint,
  resolveCheckpoint,
} from '#ortune/checkpoint/store.js';
import { isWhole } from '#ortune/checkpoint/verify.js';
import { OrtuneError, UsageError } from '#ortune/errors.js';
import { sources, temporary, valuesOf } from './sources.js';

const open: CheckpointWriter[] = [];
function writer(directory: string, of: readonly CheckpointSource[] = sources()): CheckpointWriter {
  const made = new CheckpointWriter(directory, of);
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

async function write(
  made: CheckpointWriter,
  step: number,
  keep: Partial<Keep> = {},
  state: object = {},
): Promise<string> {
  const { path, written } = await made.snapshot(step, state, { limit: 9, ...keep });
  await written;
  return path;
}
const stepsIn = async (directory: string): Promise<number[]> =>
  (await listCheckpoints(directory)).map(({ step }) => step);

describe('a checkpoint', () => {
  test('gives back every tensor and the state, bit for bit', async () => {
    const from = sources();
    from[0]!.data.set([Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45]);
    const state = { nested: { list: [1, 'two', null] }, number: 0.1 };
    const path = await write(writer(join(temporary(), 'new', 'run', 'checkpoints'), from), 12, {}, state);
    expect(readdirSync(path).sort()).toEqual([
      'SHA256SUMS',
      'model.safetensors',
      'optimizer.safetensors',
      'state.json',
    ]);
    const into = sources(1000);
    expect(await loadCheckpoint(path, into)).toEqual(state);
    const bits = (of: CheckpointSource[]) => of.map(({ data }) => Buffer.from(data.slice().buffer).toString('hex'));
    expect(bits(into)).toEqual(bits(from));
  });

  test('of a model without optimizer state has an empty optimizer.safetensors', async () => {
    const model = sources().filter(({ file }) => file === 'model');
    const path = await write(writer(temporary(), model), 1);
    expect(readFileSync(join(path, 'optimizer.safetensors'), 'latin1').slice(8)).toMatch(
      /^\{"__metadata__":\{.*\}\} *$/,
    );
    await loadCheckpoint(path, model);
  });

  test('holds what the tensors and the state were at the snapshot', async () => {
    const of = sources();
    const state = { batches: [1] };
    const made = writer(temporary(), of);
    const taken = made.snapshot(1, state, { limit: 1 });
    state.batches.push(2);
    const { path, written } = await taken;
    of[0]!.data.fill(-1);
    await written;
    const into = sources(7);
    expect(await loadCheckpoint(path, into)).toEqual({ batches: [1] });
    expect(valuesOf(into)).toEqual(valuesOf(sources()));
  });

  test('waits for the one before it to be written', async () => {
    const directory = temporary();
    const made = writer(directory);
    const order: string[] = [];
    const [first, second] = [1, 2].map((step) => made.snapshot(step, {}, { limit: 9 }));
    const firstWritten = first!.then(({ written }) => written).then(() => order.push('first written'));
    await second!.then(() => order.push('second taken'));
    await firstWritten;
    expect(order).toEqual(['first written', 'second taken']);
    await made.idle();
    expect(await stepsIn(directory)).toEqual([1, 2]);
  });

  test('is finished by close, behind which there is no other', async () => {
    const directory = temporary();
    const made = writer(directory);
    const { path } = await made.snapshot(1, {}, { limit: 9 });
    await Promise.all([made.close(), made.close()]);
    expect(isWhole(path)).toBe(true);
    expect(made.threads.every(({ threadId }) => threadId === -1)).toBe(true);
    expect(() => made.snapshot(2, {}, { limit: 9 })).toThrow('the checkpoint writer is closed');
  });
});

describe('of the checkpoints', () => {
  test('the latest stay, and the best', async () => {
    const directory = temporary();
    const made = writer(directory);
    const course: number[][] = [];
    for (const [step, best] of [[5], [10, 5], [15, 5], [20, 5], [25, 20], [30, 20], [35, 20]] as const) {
      await write(made, step, { limit: 2, best });
      course.push(await stepsIn(directory));
    }
    expect(course).toEqual([[5], [5, 10], [5, 10, 15], [5, 15, 20], [20, 25], [20, 25, 30], [20, 30, 35]]);
  });

  test('the one just written stays, whatever the limit', async () => {
    const directory = temporary();
    const made = writer(directory);
    await write(made, 1, { limit: 0 });
    await write(made, 2, { limit: 0 });
    expect(await stepsIn(directory)).toEqual([2]);
  });

  test('those of later steps go when a run that resumed from before them writes its own', async () => {
    const directory = temporary();
    for (const step of [10, 20, 30]) await write(writer(directory), step);
    const resumed = writer(directory);
    expect(await stepsIn(directory)).toEqual([10, 20, 30]);
    await write(resumed, 15, { limit: 2 });
    expect(await stepsIn(directory)).toEqual([10, 15]);
  });

  test('the one of the same step is replaced', async () => {
    const directory = temporary();
    const [old, path] = [await write(writer(directory), 7), await write(writer(directory, sources(50)), 7)];
    expect(path).toBe(old);
    const into = sources();
    await loadCheckpoint(path, into);
    expect(valuesOf(into)).toEqual(valuesOf(sources(50)));
    expect(readdirSync(directory)).toEqual(['step-7']);
  });

  test('those with other names are nobody’s, and stay', async () => {
    const directory = temporary();
    const others = ['step-007', 'step-1.5', 'step-', 'my step-3', '.step-1.other', 'step-9999999999999999'];
    for (const name of others) mkdirSync(join(directory, name));
    await write(writer(directory), 7, { limit: 1 });
    expect(await stepsIn(directory)).toEqual([7]);
    expect(readdirSync(directory).sort()).toEqual([...others, 'step-7'].sort());
  });
});

describe('what an ended process left behind', () => {
  test('half-written and half-removed checkpoints do not count and go at the next write', async () => {
    const directory = temporary();
    await write(writer(directory), 1);
    cpSync(join(directory, 'step-1'), join(directory, '.step-2.partial'), { recursive: true });
    mkdirSync(join(directory, '.step-3.partial'));
    writeFileSync(join(directory, '.step-3.partial', 'model.safetensors'), 'torn');
    mkdirSync(join(directory, '.step-0.removed'));
    expect(await stepsIn(directory)).toEqual([1]);
    await write(writer(directory), 3);
    expect(readdirSync(directory).sort()).toEqual(['step-1', 'step-3']);
  });

  test('a checkpoint about to be replaced counts as its step until the new one is there', async () => {
    const directory = temporary();
    const path = await write(writer(directory), 5);
    const aside = join(directory, '.step-5.replaced');
    renameSync(path, aside);
    mkdirSync(join(directory, '.step-5.partial'));
    expect(await listCheckpoints(directory)).toEqual([{ path: aside, step: 5 }]);
    await loadCheckpoint(aside, sources());
    await write(writer(directory), 6);
    expect(readdirSync(directory).sort()).toEqual(['step-5', 'step-6']);
    expect(isWhole(path)).toBe(true);
    cpSync(path, aside, { recursive: true });
    expect(await stepsIn(directory)).toEqual([5, 6]);
    await write(writer(directory), 7);
    expect(readdirSync(directory).sort()).toEqual(['step-5', 'step-6', 'step-7']);
  });
});

describe('a checkpoint that cannot be written', () => {
  test('is an error that names it and the cause; the writer goes on', async () => {
    const directory = join(temporary(), 'checkpoints');
    writeFileSync(directory, 'a file');
    const made = writer(directory);
    const { written } = await made.snapshot(1, {}, { limit: 1 });
    await expect(written).rejects.toThrow(OrtuneError);
    await expect(written).rejects.toThrow(
      new RegExp(`^checkpoint ${directory}/step-1 cannot be written: EEXIST.*There is no earlier one that is whole$`),
    );
    await made.idle();
    renameSync(directory, `${directory}.moved`);
    expect(isWhole(await write(made, 2))).toBe(true);
  });

  test('because its thread ends is an error; the next one is written by another', async () => {
    const directory = temporary();
    const data = new Float32Array(new SharedArrayBuffer(2 ** 25));
    const made = writer(directory, [{ file: 'model', name: 'large', data, shape: [data.length] }]);
    const { path, written } = await made.snapshot(1, {}, { limit: 9 });
    await made.threads[0]!.terminate();
    await expect(written).rejects.toThrow(OrtuneError);
    await expect(written).rejects.toThrow(`checkpoint ${path} cannot be written: its thread says: `);
    expect(isWhole(await write(made, 2))).toBe(true);
    expect(readdirSync(directory)).toEqual(['step-2']);
  });

  test('because memory does not suffice for the snapshot is an error of the snapshot', async () => {
    // 32 TiB of them, all the same gigabytes, which nobody touches.
    const data = new Float32Array(new SharedArrayBuffer(2 ** 32));
    const many = Array.from({ length: 2 ** 13 }, (_, i) => ({
      file: 'model' as const,
      name: `${i}`,
      data,
      shape: [2 ** 30],
    }));
    const made = writer(temporary(), many);
    await expect(made.snapshot(1, {}, { limit: 1 })).rejects.toThrow(
      /^checkpoint .*step-1 cannot be taken: its thread says: Array buffer allocation failed$/,
    );
  });
});

describe('sources that cannot be a checkpoint are refused:', () => {
  const data = new Float32Array(new SharedArrayBuffer(8));
  const one = { file: 'model', name: 'a', data, shape: [2] } as const;
  test.each([
    ['two of a name', [one, one], "checkpoint source 'a' of model is there twice"],
    ['private memory', [{ ...one, data: new Float32Array(2) }], "checkpoint source 'a' is not in shared memory"],
    ['another shape', [{ ...one, shape: [3] }], "checkpoint source 'a' of shape [3] has 2 elements"],
  ])('%s', (_, of, message) => {
    expect(() => new CheckpointWriter(temporary(), of)).toThrow(message);
  });

  test('the same name in both files is not', async () => {
    const path = await write(writer(temporary(), [one, { ...one, file: 'optimizer' }]), 1);
    expect(isWhole(path)).toBe(true);
  });
});

describe('resume', () => {
  test('latest is the last checkpoint of the run', async () => {
    const run = temporary();
    for (const step of [9, 10, 100]) await write(writer(checkpointsOf(run)), step);
    expect(await resolveCheckpoint(run, 'latest')).toBe(join(run, 'checkpoints', 'step-100'));
  });

  test('a path is itself', async () => {
    const path = await write(writer(temporary()), 9);
    expect(await resolveCheckpoint(join(dirname(path), 'another run'), path)).toBe(path);
  });

  test('without a checkpoint is a usage error that says what there is', async () => {
    const run = temporary();
    await expect(resolveCheckpoint(run, 'latest')).rejects.toThrow(UsageError);
    const directory = checkpointsOf(run);
    const message = `resume: ${directory} holds no checkpoint; leave resume out to start from the beginning`;
    await expect(resolveCheckpoint(run, 'latest')).rejects.toThrow(message);
    const gone = join(run, 'gone');
    await expect(resolveCheckpoint(run, gone)).rejects.toThrow(
      `there is no checkpoint at ${gone}; checkpoints of ${run}: none`,
    );
    const path = await write(writer(directory), 1);
    await expect(resolveCheckpoint(run, gone)).rejects.toThrow(`checkpoints of ${run}: ${path}`);
    await expect(resolveCheckpoint(run, join(path, 'state.json'))).rejects.toThrow(UsageError);
  });

  test('from a directory that cannot be read says so', async () => {
    const run = temporary();
    writeFileSync(checkpointsOf(run), '');
    await expect(resolveCheckpoint(run, 'latest')).rejects.toThrow(UsageError);
    await expect(resolveCheckpoint(run, 'latest')).rejects.toThrow(/checkpoints cannot be read: ENOTDIR/);
    expect(existsSync(checkpointsOf(run))).toBe(true);
  });
});
