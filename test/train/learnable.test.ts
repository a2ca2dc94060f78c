// Runs that cannot learn are refused with the cause, and values that are no numbers are found where they are.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '#ortune/index.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { float32, writeSafetensors } from '../support/safetensors.js';
import { temporaryDirectory } from '../support/temporary.js';
import { texts, tinyClassifier } from '../support/tiny-classifier.js';
import { newRuns, train } from '../support/train.js';

const root = temporaryDirectory('learnable');
const path = (name: string): string => join(root, name);
tinyClassifier(path('encoder'));
const lines = (name: string, rows: readonly object[]): string => {
  writeFileSync(path(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path(name);
};
const row = (text: string, label: string, more = {}) => ({ text, label, ...more });
const good = [row('free cash', 'spam'), row('lunch', 'ham'), row('free free', 'spam'), row('patch', 'ham')];
const config = newRuns(path, { epochs: 2, batchSize: 2, threads: 1 });

describe('a run that cannot learn', () => {
  it.each<[string, object, typeof UsageError | typeof DataError, RegExp]>([
    [
      'class weights of 0',
      { train: lines('a.jsonl', good), classWeights: { ham: 0, spam: 0 } },
      UsageError,
      /classWeights give every class that has samples the weight 0/,
    ],
    [
      'sample weights of 0',
      {
        train: lines(
          'b.jsonl',
          good.map((one) => ({ ...one, w: 0 })),
        ),
        weightColumn: 'w',
      },
      DataError,
      /b\.jsonl: the weights of all 4 samples are 0/,
    ],
    [
      'weights whose products are 0',
      {
        train: lines(
          'c.jsonl',
          good.map((one) => ({ ...one, w: one.label === 'ham' ? 1 : 0 })),
        ),
        weightColumn: 'w',
        classWeights: { ham: 0 },
      },
      DataError,
      /all 4 samples are 0, those of their classes included/,
    ],
    [
      'no text',
      { train: lines('d.jsonl', [row('', 'ham'), row('', 'spam')]) },
      DataError,
      /d\.jsonl: all 2 texts are empty/,
    ],
    [
      'no learning rate',
      { train: lines('e.jsonl', good), groups: [{ parameters: '*', learningRate: 0 }] },
      UsageError,
      /each of \d+ trained parameters the learning rate 0/,
    ],
  ])('is refused: %s', async (_, more, kind, message) => {
    const running = train(config(more));
    await expect(running).rejects.toThrow(kind);
    await expect(running).rejects.toThrow(message);
  });

  it('is ended where the first epoch shows it: words that have no tokens', async () => {
    const words = lines('words.jsonl', [
      { tokens: ['\u200b'], tags: ['A'] },
      { tokens: ['\u200b', '\u200b'], tags: ['A', 'B'] },
    ]);
    const tokenizer = buildWordPiece(texts, { vocabulary: 60, minFrequency: 1 });
    writeEncoder(path('words'), { layers: 1, hidden: 8, heads: 2, positions: 32, head: 'none', tokenizer });
    const running = train(config({ model: path('words'), task: 'token-classification', train: words }));
    await expect(running).rejects.toThrow(
      /none of the 1 steps so far had a sample with a part in the loss.*without tags/,
    );
  });

  it('is not one where some samples count; what does not is said', async () => {
    const some = [row('', 'ham'), ...good, row('patch', 'ham')].map((one, i) => ({ ...one, w: i < 4 ? 1 : 0 }));
    const { warnings, losses } = await train(
      config({ train: lines('f.jsonl', some), weightColumn: 'w', sampling: 'sequential' }),
    );
    expect(losses.map((loss) => loss === 0)).toEqual([false, false, true, false, false, true]);
    expect(warnings).toContain('1 of 6 training texts are empty');
    expect(warnings.join()).toMatch(/2 of 6 steps had no sample with a part in the loss/);
  });
});

describe('a value that is no number', () => {
  // y [batch, 2] of x [batch, 3].
  const w = new TorchScriptWriter(17);
  const weight = w.weight('layer.weight', [3, 2], new Float32Array(6).fill(0.1));
  w.op('/layer', 'MatMul', [w.input('x', 'float32', ['batch', 3]), weight], {}, 'y');
  w.output('y', 'float32', ['batch', 2]);
  writeFileSync(path('vectors.onnx'), w.finish());

  const runOf = (name: string, x: Float32Array, t: Float32Array) => {
    const tensors = { x: float32([4, 3], x), t: float32([4, 2], t) };
    return train({
      ...config({ epochs: 1, sampling: 'sequential' }),
      task: 'tensors',
      model: path('vectors.onnx'),
      losses: [{ output: 'y', target: 't', loss: 'mse' }],
      train: writeSafetensors(path(`${name}.safetensors`), tensors),
    });
  };

  it.each<[string, number]>([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
  ])('is named with its sample, and no learning rate is blamed: %s in an input', async (name, value) => {
    const x = Float32Array.from({ length: 12 }, (_, i) => (i === 7 ? value : i / 12));
    const message = await runOf(name, x, new Float32Array(8)).then(String, String);
    expect(message).toMatch(
      new RegExp(`is not finite, since 'x' of \\S*${name}.safetensors:row 2 holds ${name}: correct`),
    );
    expect(message).not.toContain('learningRate');
  });

  it('is named in a target too', async () => {
    const t = Float32Array.of(0, 0, 0, Number.NaN, 0, 0, 0, 0);
    const message = await runOf('target', new Float32Array(12), t).then(String, String);
    expect(message).toMatch(/since 'target\.t' of \S*target\.safetensors:row 1 holds NaN/);
  });
});
