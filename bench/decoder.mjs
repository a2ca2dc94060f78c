// A training step of a causal language model of the shape of SmolLM-135M in ortune and in PyTorch (transformers, SDPA),
// in float32 and autocast to bfloat16, each in a process of its own, in turns: forward, loss, backward, clipping to
// norm 1, AdamW over all parameters. Both start from the weights of one export of the transformers library, as optimum
// writes it; before anything is compared, the losses of all steps must agree.
//   node bench/decoder.mjs --pytorch PYTHON [--model DIRECTORY] [--rounds N] [--json]
// PYTHON is an interpreter with torch, transformers and onnx. `--model`: where the export is kept, for the next time.
// Sizes: --layers 30 --hidden 576 --intermediate 1536 --heads 9 --kv-heads 3 --vocabulary 49152 --batch 4 --seq 512
// --threads 2; --steps 3 are measured after one. It needs 8 GB of memory; a short form is --layers 4 --vocabulary 8192
// --seq 128.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here, machineOf, measureInTurn, medianOf, peerOptions } from './peers/rows.mjs';

const model = { layers: '30', hidden: '576', intermediate: '1536', heads: '9', 'kv-heads': '3', vocabulary: '49152' };
const sizes = { ...model, batch: '4', seq: '512', threads: '2', steps: '3' };
const { options, shape } = peerOptions({ ...sizes, model: '' }, '1');
const numbers = shape.slice(0, -2);

if (options.own) console.log(JSON.stringify(await ownStep(options.model)));
else {
  const scratch = mkdtempSync(join(tmpdir(), 'ortune-decoder-'));
  try {
    compare(options.model || scratch);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function compare(directory) {
  const peer = (...more) => ({
    command: options.pytorch,
    args: ['-B', here('./peers/decoder.py'), ...numbers, ...more],
  });
  if (!existsSync(join(directory, 'onnx', 'model.onnx'))) {
    const { command, args } = peer('--write', directory);
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the export failed: ${error?.message ?? stderr}`);
  }
  const measured = measureInTurn(
    [
      {
        name: 'ortune',
        command: process.execPath,
        args: [here('./decoder.mjs'), ...numbers, '--model', directory, '--own'],
      },
      { name: 'PyTorch', ...peer(), tolerance: 3e-4 },
      { name: 'PyTorch, autocast(bfloat16)', ...peer('--autocast'), tolerance: 1e-2 },
    ],
    Number(options.rounds),
  );
  const [own, ...peers] = measured;
  for (const { name, results, tolerance } of peers)
    for (const [i, loss] of results[0].losses.entries()) {
      const found = own.results[0].losses[i];
      if (!(Math.abs(found / loss - 1) < tolerance)) throw new Error(`loss ${i}: ${found}, that of ${name} ${loss}`);
    }
  const rows = measured.map((row) => {
    const [stepMs, peakRssBytes] = [medianOf(row, 'stepMs'), medianOf(row, 'peakRssBytes')];
    const shares = { time: medianOf(own, 'stepMs') / stepMs, memory: medianOf(own, 'peakRssBytes') / peakRssBytes };
    return { name: row.name, stepMs, peakRssBytes, ortuneTakes: shares, losses: row.results[0].losses };
  });
  const found = { machine: machineOf(options), sizes: numbers.join(' '), rows };
  if (options.json) console.log(JSON.stringify(found));
  else console.dir(found, { depth: null });
}

/** Medians of ortune's step, on a batch that is there already. */
async function ownStep(directory) {
  const { Engine } = await import('../dist/engine/engine.js');
  const { parameterRanges } = await import('../dist/optim/optimizer.js');
  const { optimizerFields, ruleOf } = await import('../dist/optim/rules.js');
  const { sharedTensor } = await import('../dist/runtime/arena.js');
  const { z } = await import('zod');
  const [layers, hidden, heads, kvHeads, vocabulary, batch, seq, threads, steps] = [
    ...['layers', 'hidden', 'heads', 'kv-heads', 'vocabulary', 'batch', 'seq', 'threads', 'steps'],
  ].map((name) => Number(options[name]));
  const task = { name: 'causal-lm', options: { form: 'text' } };
  const none = { hidden: 0, attention: 0, head: 0 };
  const engine = await Engine.open({ model: directory, task, freeze: [], dropout: none, seed: 0, threads });
  try {
    const fill = (dtype, dims, value) => {
      const view = sharedTensor(dtype, dims);
      for (let i = 0; i < view.data.length; i++) view.data[i] = dtype === 'int64' ? BigInt(value(i)) : value(i);
      return view;
    };
    const tokens = [batch, seq];
    const token = (i) => (i * 7919 + Math.floor(i / 13)) % vocabulary;
    const targets = batch * (seq - 1);
    const place = (i) => Math.floor(i / (seq - 1)) * seq + (i % (seq - 1));
    const values = {
      input_ids: fill('int64', tokens, token),
      attention_mask: fill('int64', tokens, () => 1),
      position_ids: fill('int64', tokens, (i) => i % seq),
      target_positions: fill('int64', [targets], place),
      labels: fill('int64', [targets], (i) => token(place(i) + 1)),
      sample_weights: fill('float32', [targets], () => 1),
    };
    for (let layer = 0; layer < layers; layer++)
      for (const kind of ['key', 'value'])
        values[`past_key_values.${layer}.${kind}`] = sharedTensor('float32', [batch, kvHeads, 0, hidden / heads]);
    const inputs = new Map(Object.entries(values));
    const rule = ruleOf('adamw').options(z.object(optimizerFields).parse({}));
    const optimizer = await engine.createOptimizer(
      parameterRanges(engine.model.parameters, () => ({ learningRate: 1e-4, weightDecay: 0 })),
      rule,
    );
    const [times, losses] = [[], []];
    for (let step = 0; step <= steps; step++) {
      const started = performance.now();
      await engine.forwardBackward({ inputs }, { normaliser: targets }, { seed: 0, step, microStep: 0 });
      losses.push(await engine.loss());
      await optimizer.update(1, 1);
      times.push(performance.now() - started);
    }
    const stepMs = times.slice(1).sort((a, b) => a - b)[steps >> 1];
    return { stepMs, peakRssBytes: 1024 * process.resourceUsage().maxRSS, losses };
  } finally {
    await engine.close();
  }
}
