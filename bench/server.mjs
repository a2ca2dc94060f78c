// A training service in one file: an HTTP server that trains while it serves. node bench/server.mjs [PORT]
//   POST /train    options of the Trainer as JSON; one run at a time
//   GET /events    its progress as server-sent events
//   DELETE /train  stops it after the step under way, with a checkpoint to resume from
//   GET /          whether it is up, and how far the run is

import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { Trainer } from 'ortune';

const events = ['download', 'start', 'resumed', 'step', 'evaluation', 'checkpoint', 'stopped', 'warning', 'saved'];

/** The server, not listening yet. */
export function trainingServer() {
  const clients = new Set();
  let run;

  const send = (event, data) => {
    for (const client of clients) client.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };

  function start(options) {
    const trainer = new Trainer(options); // throws when an option is wrong
    const stop = new AbortController();
    run = { stop, step: 0, totalSteps: 0 };
    for (const event of events) trainer.on(event, (data) => send(event, data));
    trainer.on('step', ({ step, totalSteps }) => Object.assign(run, { step, totalSteps }));
    trainer
      .run({ signal: stop.signal })
      .then(
        (result) => send('done', result),
        (error) => send('failed', { message: error.message }),
      )
      .finally(() => {
        run = undefined;
      });
  }

  const routes = {
    'GET /': () => ({ up: true, ...(run && { step: run.step, totalSteps: run.totalSteps }) }),
    'POST /train': async (request) => {
      if (run) return { status: 409, error: 'a run is under way; DELETE /train stops it' };
      start(await json(request));
      return { status: 202, events: '/events' };
    },
    'DELETE /train': () => {
      if (!run) return { status: 404, error: 'nothing is being trained' };
      run.stop.abort();
      return { status: 202 };
    },
  };

  return createServer(async (request, response) => {
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders();
      clients.add(response);
      response.on('close', () => clients.delete(response));
      return;
    }
    const answer = (status, body) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    try {
      const { status = 200, ...body } = (await routes[route]?.(request)) ?? { status: 404, error: `no ${route}` };
      answer(status, body);
    } catch (error) {
      answer(400, { error: error.message });
    }
  });
}

if (process.argv[1] === import.meta.filename) {
  const server = trainingServer().listen(Number(process.argv[2] ?? 8080), '127.0.0.1');
  await once(server, 'listening');
  console.log(`http://127.0.0.1:${server.address().port}`);
}
