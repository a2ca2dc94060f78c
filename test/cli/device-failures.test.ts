// A device that fails under the command, on a driver that fails when told (test/support/vulkan-driver): lost before and
// in training, out of memory when it is opened, in a step and when a checkpoint is taken, without a kernel for an
// operator. Each ends by itself with one message and 1, the runtime's own words kept off stderr, and leaves checkpoints
// whole.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { node } from '../onnx/support.js';
import { writeBatchNormModel } from '../support/batch-norm-model.js';
import { type Ended, ortune } from '../support/command.js';
import { describeWhere } from '../support/describe-where.js';
import { smallProblem } from '../support/small-problem.js';
import { hashOf } from '../support/train.js';
import { environmentFor, type Failures, missingFor } from '../support/vulkan-driver/driver.js';

const { path, write, lines } = smallProblem();

const tokenizer = buildWordPiece(lines, { minFrequency: 1, maxLength: 2048 });
/** One parameter of 17 MB, more than a driver's memory comes in at once. */
const wide = (): string => {
  writeEncoder(path('wide'), {
    layers: 1,
    hidden: 32,
    heads: 2,
    positions: 2 ** 17,
    labels: ['ham', 'spam'],
    tokenizer,
  });
  return path('wide');
};

let runs = 0;
const newOutput = (): string => path(`run${runs++}`);

/** Options of a run; the last of an option's values holds. */
const args = (output: string, ...more: string[]): string[] => [
  ...['train', '--device', 'webgpu', '--output', output, '--threads', '2', '--learning-rate', '0.001'],
  ...['--batch-size', '4', '--max-steps', '6', '--save-strategy', 'steps', '--save-steps', '2'],
  ...(more.includes('--train') ? [] : ['--train', path('train.jsonl')]),
  ...['--model', path('encoder'), ...more],
];

const onDriver = (failures: Failures, command: string[]): Promise<Ended> =>
  ortune(command, { env: environmentFor('lavapipe', failures) });

const checkpoint = (output: string, step: number): string => join(output, 'checkpoints', `step-${step}`);
const bits = (output: string): string => hashOf(readFileSync(join(output, 'model/onnx/model.onnx')));

/** Hash of every file under a directory. */
const contents = (directory: string): Map<string, string> =>
  new Map(
    (readdirSync(directory, { recursive: true }) as string[])
      .map((name) => join(directory, name))
      .filter((file) => statSync(file).isFile())
      .map((file) => [file, hashOf(readFileSync(file))]),
  );

/** What the command said at its end, after the lines of progress; nothing that the runtime or a driver wrote. */
function saidAtEnd({ code, stderr }: Ended): string {
  expect(code, stderr).toBe(1);
  expect(stderr).not.toMatch(/onnxruntime|wgpu|Dawn|\.cc:|\.cpp|Warning:/);
  return stderr.slice(stderr.indexOf('ortune: ')).trimEnd();
}

describeWhere(missingFor('lavapipe'), 'a device that fails under ortune train', () => {
  const lost =
    "the WebGPU device is lost (vkQueueSubmit failed with VK_ERROR_DEVICE_LOST): its driver was reset, or it was unplugged; 'ortune devices' tells whether it works again.";
  const exhausted =
    'the memory of the WebGPU device does not suffice (vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY)';

  it('lost in training: the last checkpoint is named and whole, and the run goes on from it to the same bits', async () => {
    const output = newOutput();
    // Steps enough behind the checkpoint for the device to be lost in one of them.
    const steps = ['--max-steps', '30', '--save-steps', '10', '--save-total-limit', '9'];
    const ended = await onDriver({ lostAfter: 0, when: checkpoint(output, 10) }, args(output, ...steps));
    const said = saidAtEnd(ended);
    expect(said.replace(/steps? \d+(?: to \d+)?/, 'step N')).toBe(
      `ortune: step N: ${lost}\nThe last good checkpoint is ${checkpoint(output, 10)}; --resume goes on from it.`,
    );
    expect(existsSync(join(output, 'model'))).toBe(false);
    const resumed = await onDriver({}, args(output, ...steps, '--resume'));
    expect(resumed.code).toBe(0);
    const whole = newOutput();
    expect((await onDriver({}, args(whole, ...steps))).code).toBe(0);
    expect(bits(output)).toBe(bits(whole));
  });

  it('lost before the first step: nothing is written', async () => {
    const output = newOutput();
    const said = saidAtEnd(await onDriver({ lostAfter: 0 }, args(output)));
    expect(said).toBe(`ortune: copying 0.1 MB to webgpu failed: ${lost}`);
    expect(existsSync(output)).toBe(false);
  });

  it('out of memory when it is opened: the parameters do not fit', async () => {
    const output = newOutput();
    const said = saidAtEnd(await onDriver({ memoryMb: 20 }, args(output, '--model', wide())));
    expect(said).toBe(
      `ortune: placing 16.8 MB on webgpu failed: ${exhausted}. Freeze more of the model, set batchSize lower, or train on another device, such as cpu.`,
    );
    expect(existsSync(output)).toBe(false);
  });

  it('out of memory in a step: a checkpoint of the steps before is written, and the run goes on from it', async () => {
    writeEncoder(path('long'), {
      layers: 1,
      hidden: 32,
      heads: 8,
      positions: 1024,
      labels: ['ham', 'spam'],
      tokenizer,
    });
    const text = (words: number, i: number) =>
      JSON.stringify({ text: 'win '.repeat(words), label: i % 2 ? 'ham' : 'spam' });
    write(
      'long.jsonl',
      [...Array.from({ length: 6 }, (_, i) => text(i + 1, i)), text(640, 6), text(640, 7)].join('\n'),
    );
    const output = newOutput();
    const options = args(output, '--model', path('long'), '--train', path('long.jsonl'), '--batch-size', '2');
    options.push('--max-length', '1024', '--sampling', 'sequential', '--no-group-by-length', '--max-steps', '4');
    // The only checkpoint before the end is the one that the failure leaves.
    options.push('--save-steps', '4');
    const said = saidAtEnd(await onDriver({ memoryMb: 60 }, options));
    expect(said).toContain(`ortune: step 4: ${exhausted}`);
    expect(said).toContain('Set batchSize to 1');
    expect(said).toContain(`The last good checkpoint is ${checkpoint(output, 3)}; --resume goes on from it.`);
    expect((await onDriver({}, [...options, '--resume'])).code).toBe(0);
    const whole = newOutput();
    expect((await onDriver({}, [...options, '--output', whole])).code).toBe(0);
    expect(bits(output)).toBe(bits(whole));
  });

  it('out of memory in the update: its weights may be half written, so that only the checkpoint before is kept', async () => {
    const output = newOutput();
    const options = args(output, '--model', wide(), '--save-steps', '1', '--max-steps', '2');
    expect((await onDriver({}, [...options, '--max-steps', '1'])).code).toBe(0);
    const script = join(import.meta.dirname, '../train/children/exhausted-update.mjs');
    const resumed = {
      ...{ model: wide(), train: path('train.jsonl'), output, device: 'webgpu', threads: 1, learningRate: 1e-3 },
      ...{ batchSize: 4, maxSteps: 2, saveStrategy: 'steps', saveSteps: 1, resume: 'latest', allowChanges: true },
    };
    const when = path('updating');
    const env = { ...process.env, ...environmentFor('lavapipe', { memoryMb: 0, when }) };
    const child = spawnSync(process.execPath, [script, JSON.stringify(resumed), when], {
      env,
      encoding: 'utf8',
      timeout: 120_000,
    });
    expect(child.stderr).toBe('');
    const { name, message } = JSON.parse(child.stdout);
    expect(name).toBe('DeviceError');
    expect(message).toContain(`step 2: ${exhausted}`);
    expect(message).toContain(`The last good checkpoint is ${checkpoint(output, 1)}; --resume goes on from it.`);
    expect(readdirSync(join(output, 'checkpoints'))).toEqual(['step-1']);
    expect((await onDriver({}, [...options, '--resume', '--allow-changes'])).code).toBe(0);
  });

  it('out of memory when a checkpoint is taken: the one before is named, and whole', async () => {
    const output = newOutput();
    const options = args(output, '--model', wide(), '--save-steps', '1', '--max-steps', '3');
    const said = saidAtEnd(await onDriver({ memoryMb: 0, when: checkpoint(output, 1) }, options));
    expect(said).toBe(
      `ortune: the checkpoint of step 2 cannot be taken: copying 16.8 MB from webgpu failed: ${exhausted}. ` +
        'Freeze more of the model, set batchSize lower, or train on another device, such as cpu.\n' +
        `The last good checkpoint is ${checkpoint(output, 1)}; --resume goes on from it.`,
    );
    expect(readdirSync(join(output, 'checkpoints'))).toEqual(['step-1']);
    expect((await onDriver({}, [...options, '--resume'])).code).toBe(0);
  });

  it('has no kernel for an operator: the nodes are named, and what an earlier run wrote is left as it was', async () => {
    const batchNorm = (name: string, x: string) => node('Selu', [x], [`${name}.y`], {}, { name: `/${name}/Selu` });
    const model = writeBatchNormModel(path('encoder'), path('selu'), { batchNorm });
    const output = newOutput();
    const options = (device: string, ...more: string[]) => args(output, '--model', model, '--device', device, ...more);
    expect((await onDriver({}, options('cpu', '--max-steps', '2'))).code).toBe(0);
    const before = contents(output);
    const resumed = options('webgpu', '--resume', '--allow-changes');
    expect(saidAtEnd(await onDriver({}, resumed))).toMatch(
      /^ortune: WebGPU has no kernel for \d+ nodes of the graph.*\/bn1\/Selu \(Selu\).*Train with device cpu/,
    );
    expect(contents(output)).toEqual(before);
  });
});

describeWhere(missingFor('lavapipe'), 'a device that fails under the other commands', () => {
  it.each([
    ['lost', { lostAfter: 0 }, 'device is lost (vkQueueSubmit failed with VK_ERROR_DEVICE_LOST)'],
    ['out of memory', { memoryMb: 0 }, 'memory of the WebGPU device does not suffice (vkAllocateMemory failed'],
  ])('ortune devices says that it is %s, and goes on with the others', async (_, failures, reason) => {
    const { code, json, stderr } = await onDriver(failures, ['devices', '--json']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const [, webgpu, cpu] = json.devices;
    expect(webgpu).toMatchObject({ name: 'webgpu', works: false, reason: expect.stringContaining(reason) });
    expect(cpu).toMatchObject({ name: 'cpu', works: true });
    expect(json.auto.name).toBe('cpu');
  });

  it('ortune doctor finds its driver', async () => {
    const { code, json } = await onDriver({ lostAfter: 0 }, ['doctor', 'webgpu', '--json']);
    expect(code).toBe(0);
    expect(json.findings.every(({ ok }: { ok: boolean }) => ok)).toBe(true);
  });
});
