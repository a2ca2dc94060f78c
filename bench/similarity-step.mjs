// A training step of sentence similarity (multiple negatives over pairs) of the same encoder in ortune and in
// sentence-transformers on PyTorch, one after the other in turns: forward, loss, backward, clipping to norm 1, AdamW.
//   node bench/similarity-step.mjs --pytorch PYTHON [--rounds N] [--json]
// PYTHON is an interpreter with torch, transformers and sentence-transformers; without them ortune is timed alone.
// Sizes: --layers 6 --hidden 384 --heads 12 --batch 32 (pairs) --seq 64 --threads 2. No dropout. Before anything is
// timed, the first loss must be near log(batch): random encoders tell nothing apart but equal texts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here, machineOf, measureInTurn, medianOf, peerOptions } from './peers/rows.mjs';

const sizes = { layers: '6', hidden: '384', heads: '12', batch: '32', seq: '64', threads: '2' };
const { options, shape } = peerOptions(sizes, '2');

if (options.own) console.log(JSON.stringify(await ownStep()));
else {
  const rows = [
    { name: 'ortune', command: process.execPath, args: [here('./similarity-step.mjs'), ...shape, '--own'] },
    {
      name: 'sentence-transformers',
      command: options.pytorch,
      args: ['-B', here('./peers/similarity_step.py'), ...shape],
    },
  ];
  const measured = measureInTurn(rows, Number(options.rounds));
  for (const { name, results } of measured)
    for (const { firstLoss } of results)
      if (Math.abs(firstLoss - Math.log(Number(options.batch))) > 1)
        throw new Error(`${name}: the first loss is ${firstLoss}, expected about log(${options.batch})`);
  const stepMs = Object.fromEntries(measured.map((row) => [row.name, medianOf(row, 'stepMs')]));
  const found = { machine: machineOf(options), sizes: shape.join(' '), stepMs };
  if (options.json) console.log(JSON.stringify(found));
  else console.log(found);
}

/** Medians of ortune's step, on a batch that is there already. */
async function ownStep() {
  const { writeEncoder } = await import('../dist/models/directory.js');
  const { Engine } = await import('../dist/engine/engine.js');
  const { ruleOf } = await import('../dist/optim/rules.js');
  const { sentenceSimilarity } = await import('../dist/tasks/sentence-similarity.js');
  const { uniform } = await import('../dist/random.js');
  const { filled, timedSteps } = await import('./peers/engine-step.mjs');
  const [layers, hidden, heads, batch, seq, threads] = Object.keys(sizes).map((name) => Number(options[name]));
  const directory = mkdtempSync(join(tmpdir(), 'ortune-similarity-'));
  const vocabulary = 8192;
  writeEncoder(directory, { layers, hidden, heads, vocabulary, positions: 512, head: 'none' });
  const task = {
    name: 'sentence-similarity',
    options: sentenceSimilarity.options({ task: 'sentence-similarity', textColumn: 'a', pairColumn: 'b' }),
  };
  const none = { hidden: 0, attention: 0, head: 0 };
  const engine = await Engine.open({ model: directory, task, freeze: [], dropout: none, seed: 0, threads });
  try {
    const tokens = [2 * batch, seq];
    const values = {
      input_ids: filled('int64', tokens, (i) => Math.floor(vocabulary * uniform(0, 0, i))),
      attention_mask: filled('int64', tokens, () => 1),
      token_type_ids: filled('int64', tokens, () => 0),
      pooling_weights: filled('float32', tokens, () => 1 / seq),
      sample_weights: filled('float32', [batch], () => 1),
      pair_mask: filled('float32', [batch, batch], () => 0),
    };
    const { group } = ruleOf('adamw').bench;
    const { stepMs, losses } = await timedSteps(engine, values, { normaliser: batch, group, warm: 3, steps: 10 });
    return { stepMs, firstLoss: losses[0] };
  } finally {
    await engine.close();
    rmSync(directory, { recursive: true });
  }
}
