// What every program here does with ortune: trains three steps, measures the saved model and asks it. MODEL names the
// model to begin with.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate, predict, Trainer } from 'ortune';

const words = { ham: ['meeting', 'patch', 'lunch'], spam: ['free', 'offer', 'cash'] };
const rows = Array.from({ length: 24 }, (_, i) => {
  const label = i % 2 === 0 ? 'ham' : 'spam';
  return { text: `${words[label][i % 3]} now`, label };
});

export async function trainOnSpam() {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-program-'));
  try {
    const options = { model: process.env.MODEL, maxSteps: 3, batchSize: 8, learningRate: 1e-2 };
    const trainer = new Trainer({ ...options, train: rows, eval: rows, output: join(directory, 'run') });
    const losses = [];
    trainer.on('step', ({ loss }) => losses.push(loss));
    const { output, metrics } = await trainer.run();
    const measured = await evaluate({ model: output, data: rows });
    const [{ label }] = await predict({ model: output }, ['free cash']);
    return { losses, trained: metrics.accuracy, measured: measured.metrics.accuracy, label };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
