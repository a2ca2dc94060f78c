// A base model whose weights lie in a file beside it, and what becomes of that file while a run goes on.

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { openModel } from '#ortune/onnx/load.js';
import { saveModel } from '#ortune/onnx/save.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';

const { path } = smallProblem();
let runs = 0;

/** A run over frozen weights that lie in external data; `change` is done to the file after the first step. */
async function run(change: (data: string) => void, more: object = {}) {
  const [base, output] = [path(`base${runs}`), path(`run${runs++}`)];
  cpSync(path('encoder'), base, { recursive: true });
  const file = join(base, 'onnx/model.onnx');
  saveModel(openModel(path('encoder')), file, new Map(), { externalAbove: 0 });
  const data = `${file}_data`;
  const trainer = new Trainer({
    ...{ model: base, train: path('train.jsonl'), output, batchSize: 8, maxSteps: 3, threads: 1, trunkCache: false },
    ...{ saveStrategy: 'no', freeze: 'trunk', ...more },
  });
  let changed = false;
  trainer.on('step', () => {
    if (!changed) change(data);
    changed = true;
  });
  const result = await trainer.run().catch((error: Error) => error);
  const kept = existsSync(join(output, 'checkpoints')) ? readdirSync(join(output, 'checkpoints')) : [];
  return { result, output, kept, model: existsSync(join(output, 'model')) };
}

/** Other bytes of the same length, under the times of the old ones. */
function alter(data: string): void {
  const { atime, mtime } = statSync(data);
  writeFileSync(
    data,
    readFileSync(data).map((byte) => byte ^ 1),
  );
  utimesSync(data, atime, mtime);
}

describe('frozen weights that are no longer those of the start', () => {
  it.each([
    ['altered in place', alter],
    ['cut', (data: string) => writeFileSync(data, readFileSync(data).subarray(0, 5000))],
    ['replaced by zeros', (data: string) => writeFileSync(data, new Uint8Array(statSync(data).size))],
  ])('%s: no model is written, and the trained weights are kept in a checkpoint', async (_, change) => {
    const { result, kept, model, output } = await run(change);
    expect(result).toBeInstanceOf(ModelError);
    expect((result as Error).message).toMatch(
      /model\.onnx_data has changed since the model was opened.*\nThe last good/s,
    );
    expect([kept, model]).toEqual([['step-3'], false]);
    expect(readdirSync(output).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('are the same where the file was only written again, and no matter where all weights are trained', async () => {
    const again = await run((data) => writeFileSync(data, readFileSync(data)));
    expect(again).toMatchObject({ model: true, result: { steps: 3 } });
    const all = await run((data) => rmSync(data), { freeze: [] });
    expect(all).toMatchObject({ model: true, result: { steps: 3 } });
  });
});
