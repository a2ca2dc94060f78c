#!/usr/bin/env node
// The first thing of the command that runs, before its own code is even loaded: signals are heeded and output may fail
// from here on. Which commands there are is in program.ts.

import { heedSignals, meanBySignals } from './interrupt.js';

heedSignals();

const { complain, end, exit, guardOutput, write } = await import('./output.js');
guardOutput();

// What fails outside a command's own work (a worker, the addon) ends here; no stack at people.
process.on('uncaughtException', async ({ name, message, stack }) => {
  complain(`ortune: unexpected ${name}: ${message}`);
  if (process.argv.includes('--debug')) complain(`${stack}`);
  if (process.argv.includes('--json')) await write(JSON.stringify({ error: { name, message } }));
  await end(1);
});

const { startedByNohup } = await import('../environment.js');
/** What the terminal has echoed of Ctrl-C stands on the line. */
const removeEcho = (): unknown => process.stderr.isTTY && process.stderr.write('\r\x1b[K');
meanBySignals({
  say: (text) => {
    removeEcho();
    complain(text);
  },
  exit: (code) => {
    removeEcho();
    return exit(code);
  },
  outlivesTerminal: startedByNohup,
});

const { runProgram } = await import('./program.js');
await runProgram();
