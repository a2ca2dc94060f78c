// Works on the cases that it is sent, and says how each ended. Anything but an OrtuneError, and any OrtuneError that
// calls itself a fault of ortune, prints a stack or hands on what the runtime says in the middle of a run, is a
// failure.

import { OrtuneError } from 'ortune';
import { targets } from './targets.mjs';

function judge(error) {
  const { name, message = String(error), stack } = error ?? {};
  if (!(error instanceof OrtuneError))
    return { kind: 'failed', why: `${name}: ${String(message).slice(0, 300)}`, detail: stack };
  if (/fault of ortune|a run of the graph failed|\n\s+at /.test(message))
    return { kind: 'failed', why: message.slice(0, 300), detail: stack };
  if (message.length > 5000)
    return { kind: 'failed', why: `a message of ${message.length} characters`, detail: message };
  // Escape sequences and other control characters would reach a terminal.
  if (/\p{Cc}/u.test(message.replaceAll('\n', '')))
    return { kind: 'failed', why: 'control characters in the message', detail: JSON.stringify(message) };
  return { kind: 'refused', detail: message };
}

process.on('message', async ({ name, directory, given }) => {
  try {
    await targets[name].run(directory, given);
    process.send({ kind: 'accepted' });
  } catch (error) {
    process.send(judge(error));
  }
});
process.on('uncaughtException', (error) =>
  process.send({ kind: 'failed', why: `uncaught: ${error?.message}`, detail: error?.stack }),
);
process.on('unhandledRejection', (error) =>
  process.send({ kind: 'failed', why: `not awaited: ${error?.message}`, detail: error?.stack }),
);
process.on('disconnect', () => process.exit());
