import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path, write } = problem;

const required = (output: string) => [
  '--model',
  path('encoder'),
  '--train',
  path('train.jsonl'),
  '--output',
  path(output),
];

describe('train, eval and predict', () => {
  it('learn from a file of options, measure the saved directory and label texts', async () => {
    const config = write(
      'run.yaml',
      `model: ${path('encoder')}\ntrain: ${path('train.jsonl')}\ntest: ${path('test.csv')}\noutput: ${path('run')}\nepochs: 12\nlearningRate: 0.003\ndropout: 0\n`,
    );
    const trained = await ortune(['train', config, '--batch-size', '8', '--json']);
    expect(trained.stderr).toMatch(/step 1\/96 \| loss \d\.\d+ \| lr .* samples\/s \| .* left/);
    expect(trained.code).toBe(0);
    expect(trained.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(trained.json.metrics.accuracy).toBe(1);
    for (const key of ['samplesPerSecond', 'stepMs', 'peakRssBytes', 'seconds'])
      expect(trained.json[key], key).toBeGreaterThan(0);
    expect(trained.json.output).toBe(path('run/model'));
    expect(JSON.parse(readFileSync(path('run/config.json'), 'utf8'))).toMatchObject({ epochs: 12, batchSize: 8 });

    const measured = await ortune(['eval', path('run/model'), path('test.csv'), '--json']);
    expect(measured.code).toBe(0);
    expect(measured.json.metrics.accuracy).toBe(1);
    expect(measured.json.metrics.loss).toBeCloseTo(trained.json.metrics.loss, 4);

    const labelled = await ortune(['predict', path('run/model'), 'free cash prize', '--json']);
    expect(labelled.json.predictions).toMatchObject([{ text: 'free cash prize', label: 'spam' }]);
    const piped = await ortune(['predict', path('run/model')], { input: 'kernel patch\n\nwin the offer\n' });
    expect(piped.stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['ham', 'spam', '']);
    const fromFile = await ortune(['predict', path('run/model'), '--data', path('test.csv'), '--json']);
    expect(fromFile.json.predictions).toHaveLength(20);
  });

  it('ends with exit code 130 when interrupted, with the model written', async () => {
    let sent = false;
    const { code, json } = await ortune(['train', ...required('long'), '--epochs', '10000', '--json'], {
      onStderr: (text, kill) => {
        if (sent || !text.includes('step 1/')) return;
        sent = true;
        kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(json.interrupted).toBe(true);
    expect(existsSync(path('long/model/onnx/model.onnx'))).toBe(true);
  });
});

describe('inspect, gradcheck and bench', () => {
  it('inspect prints one object, or text for people', async () => {
    const { json } = await ortune(['inspect', path('encoder'), '--json']);
    expect(Object.keys(json)).toEqual([
      ...['opset', 'inputs', 'outputs', 'parameters', 'tensors', 'operators', 'undifferentiable', 'bound', 'control'],
    ]);
    const { stdout, code } = await ortune(['inspect', path('encoder')]);
    expect(stdout).toContain('input_ids int64[batch_size, sequence_length]');
    expect(stdout).toContain('every operator has a gradient');
    expect(code).toBe(0);
  });

  it('gradcheck ends with 0 when all pass and with 1 when one fails', async () => {
    const passed = await ortune([
      'gradcheck',
      path('encoder'),
      '--input',
      'input_ids=2x6',
      '--input',
      'attention_mask=2x6',
      '--input',
      'token_type_ids=2x6',
      '--json',
    ]);
    expect(passed.code).toBe(0);
    expect(Object.keys(passed.json)).toEqual([
      'tolerance',
      'checked',
      'failed',
      'notMeasurable',
      'worst',
      'parameters',
    ]);
    const failed = await ortune(['gradcheck', path('encoder'), '--tolerance', '1e-12']);
    expect(failed.stdout).toMatch(/\d+ parameters checked, \d+ failed \(tolerance 1e-12\)/);
    expect(failed.code).toBe(1);
  });

  it('bench step reports times, efficiency and memory', async () => {
    const size = [
      '--layers',
      '1',
      '--hidden',
      '32',
      '--heads',
      '2',
      '--vocabulary',
      '100',
      '--batch',
      '2',
      '--seq',
      '16',
    ];
    const { code, json } = await ortune(['bench', 'step', ...size, '--warmup', '1', '--steps', '3', '--json']);
    expect(code).toBe(0);
    for (const key of [
      'stepMs',
      'forwardBackwardMs',
      'gemmGflops',
      'efficiency',
      'efficiencyForwardBackward',
      'peakRssBytes',
    ])
      expect(json[key], key).toBeGreaterThan(0);
    const tokens = 2 * 16;
    const layer = 2 * tokens * (4 * 32 * 32 + 2 * 32 * 128) + 4 * tokens * 16 * 32;
    const head = 2 * 2 * (32 * 32 + 32 * 2);
    expect(json.gigaflops * 1e9).toBeCloseTo(3 * (layer + head), 0);
  });
});
