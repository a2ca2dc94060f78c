// The process that works on cases, and the watch over it. It is used for many cases, since its start takes longer than
// most of them, and started anew after one that failed, or that left much memory behind. CPU time and memory are read
// from /proc where there is one; elsewhere the clock alone ends a case.

import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));
const limits = { cpuSeconds: 20, seconds: 300, bytes: 2e9 };
const ticksPerSecond = 100;
const pageBytes = 4096;

/** CPU seconds and resident bytes of a process. */
function usageOf(pid) {
  const file = `/proc/${pid}/stat`;
  if (!existsSync('/proc/self/stat')) return { cpu: 0, bytes: 0 };
  try {
    const text = readFileSync(file, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { cpu: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, bytes: Number(fields[21]) * pageBytes };
  } catch {
    return { cpu: 0, bytes: 0 };
  }
}

export class Host {
  #process;
  #output = '';

  #start() {
    const started = fork(child, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced' });
    this.#output = '';
    const take = (data) => {
      this.#output = (this.#output + data).slice(-20_000);
    };
    started.stdout.on('data', take);
    started.stderr.on('data', take);
    this.#process = started;
  }

  /** @returns `{ kind: 'accepted' | 'refused' | 'failed', why?, detail? }` */
  async run(request) {
    if (!this.#process) this.#start();
    const running = this.#process;
    const before = usageOf(running.pid);
    const began = performance.now();
    const outcome = await new Promise((done) => {
      const watch = setInterval(() => {
        const { cpu, bytes } = usageOf(running.pid);
        const seconds = (performance.now() - began) / 1000;
        if (cpu - before.cpu > limits.cpuSeconds) end({ why: `more than ${limits.cpuSeconds} s of CPU time` });
        else if (bytes > limits.bytes) end({ why: `${(bytes / 1e9).toFixed(1)} GB of memory` });
        else if (seconds > limits.seconds) end({ why: `not done after ${limits.seconds} s` });
      }, 50);
      const finish = (found) => {
        clearInterval(watch);
        running.removeAllListeners('message');
        running.removeAllListeners('exit');
        done(found);
      };
      const end = ({ why }) => {
        running.kill('SIGKILL');
        finish({ kind: 'failed', why });
      };
      running.once('message', finish);
      running.once('exit', (code, signal) =>
        setTimeout(
          () => finish({ kind: 'failed', why: `the process ended with ${signal ?? code}`, detail: this.#output }),
          100,
        ),
      );
      running.send(request);
    });
    const { bytes } = usageOf(running.pid);
    if (outcome.kind === 'failed' || bytes > limits.bytes / 2) this.stop();
    return outcome;
  }

  stop() {
    this.#process?.kill('SIGKILL');
    this.#process = undefined;
  }
}
