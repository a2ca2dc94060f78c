// Trains twice at the same time and once more, stopped by a signal, and says what of it is left in the process. It ends
// by itself, or not at all.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel, Trainer } from 'ortune';

const unhandled = [];
process.on('unhandledRejection', (reason) => unhandled.push(String(reason)));
const warnings = [];
process.on('warning', ({ message }) => warnings.push(message));

const listeners = () =>
  Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
const directory = mkdtempSync(join(tmpdir(), 'ortune-program-'));
const train = ['free cash', 'lunch now', 'free offer', 'patch'].map((text, i) => ({ text, label: i % 2 ? 'b' : 'a' }));
const trainer = (name, more = {}) =>
  new Trainer({ model: process.env.MODEL, train, batchSize: 2, maxSteps: 4, output: join(directory, name), ...more });

/** Loss of each step. */
async function lossesOf(trainer, signal) {
  const losses = [];
  const running = trainer.run({ signal });
  for await (const event of trainer) if (event.type === 'step') losses.push(event.loss);
  return { losses, result: await running };
}

const fresh = listeners();
const alone = await lossesOf(trainer('alone'));
const before = { listeners: listeners(), resources: process.getActiveResourcesInfo().length };

const both = await Promise.all([lossesOf(trainer('one')), lossesOf(trainer('two', { seed: 1 }))]);
const stop = new AbortController();
const stopped = trainer('stopped', { maxSteps: 1000 });
stopped.once('step', () => stop.abort());
const { result } = await lossesOf(stopped, stop.signal);
await trainer('missing', { train: join(directory, 'missing.jsonl') })
  .run()
  .catch(() => {});
const model = await loadModel(result.output);
await model.predict(['free']);
await model.close();
rmSync(directory, { recursive: true });

// What is closing has a turn to be gone.
await new Promise((done) => setImmediate(done));
const after = { listeners: listeners(), resources: process.getActiveResourcesInfo().length };
console.log(
  JSON.stringify({
    alone: alone.losses,
    one: both[0].losses,
    two: both[1].losses,
    interrupted: result.interrupted,
    fresh,
    before,
    after,
    unhandled,
    warnings,
  }),
);
