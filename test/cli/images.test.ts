// Pictures on the command line: train, eval and predict, and what is said of models and data that do not fit.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { int64, uint8, writeSafetensors } from '../support/safetensors.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path } = problem;

const fixtures = join(import.meta.dirname, '../fixtures');
const network = join(fixtures, 'digits/net.onnx');
const train = join(fixtures, 'digits/train.safetensors');
const test = join(fixtures, 'digits/test.safetensors');
const base = ['train', '--model', network, '--output', path('run'), '--overwrite', '--epochs', '1'];

describe('pictures', () => {
  it('are trained on, measured and labelled, without the task being named', async () => {
    const trained = await ortune([...base, '--train', train, '--test', test, '--json']);
    expect(trained.code, trained.stderr).toBe(0);
    const { output, metrics } = JSON.parse(trained.stdout);
    expect(metrics).toMatchObject({ samples: 150, top5Accuracy: expect.any(Number) });
    const measured = await ortune(['eval', output, test]);
    expect(measured.stderr).toBe('');
    expect(measured.stdout).toMatch(/150 samples: loss .*top5Accuracy/);
    const labelled = await ortune(['predict', output, test]);
    const rows = labelled.stdout.trimEnd().split('\n');
    expect(rows).toHaveLength(150);
    expect(rows[149]).toMatch(/^\w+\t[01]\.\d{4}\t.*test\.safetensors:row 149$/);
  });

  it.each([
    [
      'of another size',
      { pixel_values: uint8([2, 3, 8, 8], new Array(384).fill(0)), labels: int64([2], [0, 1]) },
      /wrong\.safetensors: the pictures have the shape \[3,8,8\] \(CHW\), the model reads \[1,8,8\]/,
    ],
    [
      'of another number of classes than numLabels says',
      { pixel_values: uint8([3, 1, 8, 8], new Array(192).fill(0)), labels: int64([3], [0, 1, 5]) },
      /numLabels/,
    ],
  ])('%s are refused', async (_, tensors, says) => {
    const file = writeSafetensors(path('wrong.safetensors'), tensors);
    const { code, stderr } = await ortune([
      ...base,
      '--train',
      file,
      ...(/numLabels/.test(says.source) ? ['--num-labels', '2'] : []),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('    at ');
  });

  it('are not for a model of texts, nor texts for a model of pictures', async () => {
    const pictures = await ortune(['train', '--model', path('encoder'), '--train', train, '--output', path('run2')]);
    expect(pictures.code).toBe(1);
    expect(pictures.stderr).toMatch(
      /image-classification takes a model with one float input of shape \[batch, channels, height, width\]; found 'input_ids'/,
    );
    const texts = await ortune([...base, '--train', path('train.jsonl')]);
    expect(texts.code).toBe(1);
    expect(texts.stderr).toMatch(/input 'pixel_values' takes pictures, and the task is text-classification/);
    const asked = await ortune(['predict', network, 'a text']);
    expect(asked.stderr).toMatch(/reads pictures: give their files or a \.safetensors file/);
    const wrong = await ortune([...base, '--train', path('train.jsonl'), '--image-size', '64']);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("'--image-size' is for task image-classification"),
    });
  });
});
