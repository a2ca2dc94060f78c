// A training service in one file: an HTTP server that trains while it serves. node bench/server.mjs [FOLDER] [PORT]
//   POST /train    {"data": NAME, "output": NAME, ...options}: one run at a time
//   GET /events    its progress as server-sent events
//   DELETE /train  stops it after the step under way, with a checkpoint to resume from
//   GET /          whether it is up, and how far the run is
// Every request carries the token that is printed at the start (Authorization: Bearer TOKEN). Names are those of
// folders in FOLDER, never paths: models/NAME, data/NAME/train.jsonl (and eval.jsonl), runs/NAME.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Trainer } from 'ortune';

const events = ['download', 'start', 'resumed', 'step', 'evaluation', 'checkpoint', 'stopped', 'warning', 'saved'];
/** What a client may choose; paths, overwriting and what else there is are the server's. */
const choices = ['epochs', 'maxSteps', 'batchSize', 'learningRate', 'freeze', 'seed', 'task'];
const mostBytes = 16_384;
const mostClients = 100;
/** What a client has not read of its events, in bytes, when it is let go. */
const mostUnread = 1 << 20;

/** A request that does not come within 10 s is given up. */
const timeouts = { requestTimeout: 10_000, headersTimeout: 10_000, connectionsCheckingInterval: 1000 };

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The server, not listening yet. */
export function trainingServer({ folder, token }) {
  const clients = new Set();
  let run;

  const send = (event, data) => {
    for (const client of clients) {
      client.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (client.writableLength > mostUnread) client.destroy();
    }
  };

  /** The path of a name that a client gave. */
  function place(kind, name) {
    if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9_-]{0,63}$/i.test(name))
      throw new Refused(400, `${kind}: expected the name of a folder there, of letters, digits, - and _`);
    return join(folder, kind, name);
  }

  function optionsOf({ model, data, output, ...rest }) {
    const other = Object.keys(rest).find((key) => !choices.includes(key));
    if (other !== undefined) throw new Refused(400, `'${other}' is not for clients; there are ${choices.join(', ')}`);
    const from = place('data', data);
    const held = join(from, 'eval.jsonl');
    return {
      ...rest,
      model: place('models', model),
      train: join(from, 'train.jsonl'),
      ...(existsSync(held) && { eval: held }),
      output: place('runs', output),
    };
  }

  function start(options) {
    const trainer = new Trainer(optionsOf(options)); // throws when an option is wrong
    const stop = new AbortController();
    // From here on, before anything is waited for, no second run can begin.
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
      const options = await readObject(request);
      // Behind the wait: of two requests whose bodies come slowly the first to be whole starts.
      if (run) throw new Refused(409, 'a run is under way; DELETE /train stops it');
      start(options);
      return { status: 202, events: '/events' };
    },
    'DELETE /train': () => {
      if (!run) throw new Refused(404, 'nothing is being trained');
      run.stop.abort();
      return { status: 202 };
    },
  };

  return createServer(timeouts, async (request, response) => {
    const answer = (status, body) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    try {
      // No page of another site knows the token, so none can start or stop anything in its reader's name.
      if (!knows(request.headers.authorization, token))
        throw new Refused(401, 'Authorization: Bearer TOKEN is missing');
      const route = `${request.method} ${request.url}`;
      if (route === 'GET /events') return follow(clients, response);
      const { status = 200, ...body } = (await routes[route]?.(request)) ?? { status: 404, error: `no ${route}` };
      answer(status, body);
    } catch (error) {
      if (!request.complete) response.setHeader('connection', 'close');
      answer(error.status ?? 400, { error: error.message });
    }
  });
}

function follow(clients, response) {
  if (clients.size >= mostClients) throw new Refused(503, 'there are too many listeners');
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders();
  clients.add(response);
  response.on('error', () => {});
  response.on('close', () => clients.delete(response));
}

function knows(header = '', token) {
  const [given, right] = [Buffer.from(header), Buffer.from(`Bearer ${token}`)];
  return given.length === right.length && timingSafeEqual(given, right);
}

/** The body, which must be a JSON object and not large. */
async function readObject(request) {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new Refused(415, 'the body must be application/json');
  const pieces = [];
  let bytes = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    bytes += piece.length;
    if (bytes > mostBytes) throw new Refused(413, `the body has more than ${mostBytes} bytes`);
    pieces.push(piece);
  }
  let value;
  try {
    value = JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    throw new Refused(400, 'the body is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refused(400, 'the body must be a JSON object of options');
  return value;
}

if (process.argv[1] === import.meta.filename) {
  const [folder = '.', port = '8080'] = process.argv.slice(2);
  const token = randomBytes(24).toString('base64url');
  const server = trainingServer({ folder, token }).listen(Number(port), '127.0.0.1');
  await once(server, 'listening');
  console.log(`http://127.0.0.1:${server.address().port}, Authorization: Bearer ${token}`);
}
