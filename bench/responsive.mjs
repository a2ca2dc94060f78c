// node bench/responsive.mjs [--layers 6] [--hidden 384] [--steps 60] [--json]: does a server stay responsive while it
// trains? Runs the server of server.mjs on SpamAssassin mails with evaluations and checkpoints on the way, asks it for
// its state every 10 ms from another process over the whole run, and prints the longest answer, the event loop's delay,
// and what checkpoints cost. With --json the last line of stdout is one object.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { trainingServer } from './server.mjs';

const { values } = parseArgs({
  options: {
    layers: { type: 'string', default: '6' },
    hidden: { type: 'string', default: '384' },
    steps: { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
    client: { type: 'string' },
  },
});

/** The other process: asks until its standard input ends, then prints how long the answers took, in milliseconds. */
async function client(url) {
  const took = [];
  let over = false;
  process.stdin.on('end', () => {
    over = true;
  });
  process.stdin.resume();
  while (!over) {
    const asked = performance.now();
    await (await fetch(url)).json();
    took.push(performance.now() - asked);
    await sleep(10);
  }
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.min(took.length - 1, Math.floor(share * took.length))];
  console.log(JSON.stringify({ requests: took.length, median: at(0.5), p999: at(0.999), max: took.at(-1) }));
}

/** Events of the server, as [name, data], until the run is over. */
async function* eventsOf(url) {
  const response = await fetch(`${url}/events`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split('\n\n');
    text = messages.pop();
    for (const message of messages) {
      const [, name, data] = message.match(/^event: (.*)\ndata: (.*)$/);
      yield [name, JSON.parse(data)];
      if (name === 'done' || name === 'failed') return;
    }
  }
}

async function main() {
  const root = join(import.meta.dirname, '..', 'runs', 'responsive');
  const steps = Number(values.steps);
  const encoder = {
    layers: Number(values.layers),
    hidden: Number(values.hidden),
    heads: Number(values.hidden) / 32,
    positions: 128,
  };
  const recipe = { directory: join(root, 'data'), seed: 0, vocabulary: 8192, encoder };
  await once(new Worker(new URL('./spam-mails.mjs', import.meta.url), { workerData: recipe }), 'message');
  const server = trainingServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const asking = spawn(process.execPath, [import.meta.filename, '--client', url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await sleep(500);

  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const events = eventsOf(url);
  const options = {
    model: join(recipe.directory, 'encoder'),
    train: join(recipe.directory, 'train.jsonl'),
    evalSplit: 0.03,
    output: join(root, 'run'),
    overwrite: true,
    maxLength: 128,
    maxSteps: steps,
    evalSteps: Math.ceil(steps / 3),
    saveSteps: Math.ceil(steps / 6),
    learningRate: 1e-4,
  };
  const started = fetch(`${url}/train`, { method: 'POST', body: JSON.stringify(options) });
  const snapshotsMs = [];
  let result;
  for await (const [name, data] of events) {
    if (name === 'checkpoint') snapshotsMs.push(data.snapshotMs);
    if (name === 'failed') throw new Error(data.message);
    if (name === 'done') result = data;
  }
  await started;
  delay.disable();
  asking.stdin.end();
  const [answer] = await once(asking.stdout, 'data');
  server.closeAllConnections();
  server.close();
  return {
    httpMs: JSON.parse(answer),
    eventLoopDelayMs: { p999: delay.percentile(99.9) / 1e6, max: delay.max / 1e6 },
    checkpoints: snapshotsMs.length,
    snapshotMs: Math.max(...snapshotsMs),
    stepMs: result.stepMs,
    feedRatio: result.feedRatio,
    seconds: result.seconds,
  };
}

if (values.client) await client(values.client);
else {
  const measured = await main();
  const { httpMs, eventLoopDelayMs } = measured;
  if (values.json) console.log(JSON.stringify(measured));
  else
    console.log(
      `${httpMs.requests} requests: median ${httpMs.median.toFixed(1)} ms, 99.9 % ${httpMs.p999.toFixed(1)} ms, longest ${httpMs.max.toFixed(1)} ms\n` +
        `event loop delay: 99.9 % ${eventLoopDelayMs.p999.toFixed(1)} ms, longest ${eventLoopDelayMs.max.toFixed(1)} ms\n` +
        `${measured.checkpoints} checkpoints; the loop waited at most ${measured.snapshotMs.toFixed(0)} ms for one, a step takes ${measured.stepMs.toFixed(0)} ms\n` +
        `on ${cpus().length} x ${cpus()[0].model}`,
    );
  process.exit(0);
}
