// What the benches of a decoder share: its sizes, the export that all sides start from, ortune's step, and the table.
// Sizes: --layers 30 --hidden 576 --intermediate 1536 --heads 9 --kv-heads 3 --vocabulary 49152 --batch 4 --seq 512
// --threads 2; --steps 3 are measured after one. `--model`: where the export is kept, for the next time.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here, machineOf, measureInTurn, medianOf, peerOptions } from './rows.mjs';

const model = { layers: '30', hidden: '576', intermediate: '1536', heads: '9', 'kv-heads': '3', vocabulary: '49152' };
const sizes = { ...model, batch: '4', seq: '512', threads: '2', steps: '3' };

/** `more`: options of the one bench, with their defaults. */
export function decoderOptions(more = {}) {
  const { options } = peerOptions({ ...sizes, ...more, model: '' }, '1');
  return { options, numbers: Object.keys(sizes).flatMap((name) => [`--${name}`, options[name]]) };
}

/** A command of the side in Python. */
const peer = ({ options, numbers }, more) => ({
  command: options.pytorch,
  args: ['-B', here('./peers/decoder.py'), ...numbers, ...more],
});

/**
 * Measures rows in turn and prints what they take.
 * @param bench of the file that calls, whose `--own` measures a row of ortune
 * @param rowsOf by the directory of the export: `own`, options of ortune's row, or `peer`, arguments of the other's;
 *   `tolerance`, how far a loss may be from the first row's, in its size
 */
export function compareDecoders(given, bench, rowsOf) {
  const { options, numbers } = given;
  const scratch = mkdtempSync(join(tmpdir(), 'ortune-decoder-'));
  try {
    const directory = options.model || scratch;
    if (!existsSync(join(directory, 'onnx', 'model.onnx'))) {
      const { command, args } = peer(given, ['--write', directory]);
      const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
      if (status !== 0) throw new Error(`the export failed: ${error?.message ?? stderr}`);
    }
    const rows = rowsOf(directory).map(({ own, peer: arguments_, ...row }) =>
      own
        ? { ...row, command: process.execPath, args: [bench, ...numbers, ...own, '--own'] }
        : { ...row, ...peer(given, arguments_) },
    );
    const measured = measureInTurn(rows, Number(options.rounds));
    const [first, ...others] = measured;
    for (const { name, results, tolerance } of others)
      for (const [i, loss] of tolerance === undefined ? [] : results[0].losses.entries()) {
        const found = first.results[0].losses[i];
        if (!(Math.abs(found / loss - 1) < tolerance)) throw new Error(`loss ${i}: ${found}, that of ${name} ${loss}`);
      }
    const found = {
      machine: machineOf(options),
      sizes: numbers.join(' '),
      rows: measured.map((row) => tabled(row, first)),
    };
    if (options.json) console.log(JSON.stringify(found));
    else console.dir(found, { depth: null });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** A row, and what the first takes as shares of it. */
function tabled(row, first) {
  const [stepMs, peakRssBytes] = [medianOf(row, 'stepMs'), medianOf(row, 'peakRssBytes')];
  const firstTakes = {
    time: medianOf(first, 'stepMs') / stepMs,
    memory: medianOf(first, 'peakRssBytes') / peakRssBytes,
  };
  return { name: row.name, stepMs, peakRssBytes, firstTakes, losses: row.results[0].losses };
}

/** Ortune's step on a batch that is there already. `opening`: what the engine is opened with beside the model. */
export async function decoderStep({ options }, opening = {}) {
  const { Engine } = await import('../../dist/engine/engine.js');
  const { filled, timedSteps } = await import('./engine-step.mjs');
  const [layers, hidden, heads, kvHeads, vocabulary, batch, seq, threads, steps] = [
    ...['layers', 'hidden', 'heads', 'kv-heads', 'vocabulary', 'batch', 'seq', 'threads', 'steps'],
  ].map((name) => Number(options[name]));
  const task = { name: 'causal-lm', options: { form: 'text' } };
  const dropout = { hidden: 0, attention: 0, head: 0 };
  const engine = await Engine.open({ model: options.model, task, freeze: [], dropout, seed: 0, threads, ...opening });
  try {
    const tokens = [batch, seq];
    const token = (i) => (i * 7919 + Math.floor(i / 13)) % vocabulary;
    const targets = batch * (seq - 1);
    const place = (i) => Math.floor(i / (seq - 1)) * seq + (i % (seq - 1));
    const past = [batch, kvHeads, 0, hidden / heads];
    const cache = Array.from({ length: layers }, (_, layer) => [
      ...['key', 'value'].map((kind) => [`past_key_values.${layer}.${kind}`, filled('float32', past)]),
    ]);
    const values = {
      input_ids: filled('int64', tokens, token),
      attention_mask: filled('int64', tokens, () => 1),
      position_ids: filled('int64', tokens, (i) => i % seq),
      target_positions: filled('int64', [targets], place),
      labels: filled('int64', [targets], (i) => token(place(i) + 1)),
      sample_weights: filled('float32', [targets], () => 1),
      ...Object.fromEntries(cache.flat()),
    };
    const group = { learningRate: 1e-4, weightDecay: 0 };
    return await timedSteps(engine, values, { normaliser: targets, group, warm: 1, steps });
  } finally {
    await engine.close();
  }
}
