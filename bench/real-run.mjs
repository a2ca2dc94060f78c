// What the benches of a real task share: their options, the data as files of a run directory, a training with its
// figures on the test data, and the table beside plain baselines. One thread unless --threads says more, so that the
// same command gives the same bits on the same kind of processor. With --json the last line of stdout is one object;
// with --short few rows and steps, to see that it works; --steps N for more or fewer.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from 'ortune';

const model = join(import.meta.dirname, '..', 'models', 'tiny-en');
/** Options for a trunk that knows something below a head that is new: the head learns faster. */
export const headFirst = { learningRate: 5e-4, groups: [{ parameters: 'head', learningRate: 1e-2 }] };
const say = (text) => process.stderr.write(`${text}\n`);

/**
 * @param {string} name of the run directory under runs/
 * @param {number} usualSteps
 */
export function realRun(name, usualSteps) {
  const { values: flags } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      steps: { type: 'string' },
      threads: { type: 'string', default: '1' },
      output: { type: 'string', default: join(import.meta.dirname, '..', 'runs', name) },
    },
  });
  const root = resolve(flags.output);
  const maxSteps = Number(flags.steps ?? (flags.short ? 4 : usualSteps));
  mkdirSync(root, { recursive: true });
  return {
    say,
    /** The run directory. */
    root,
    short: flags.short,
    maxSteps,
    /** Rows as a file of the run directory: its path. */
    write(part, rows) {
      const file = join(root, `${part}.jsonl`);
      writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      return file;
    },
    /** The figures on the test data of models/tiny-en after a training with these options, with its seconds. */
    async train(part, options) {
      const trainer = new Trainer({
        model,
        maxSteps,
        threads: Number(flags.threads),
        warmupRatio: 0.1,
        seed: 0,
        ...options,
        output: join(root, part),
        evalStrategy: 'no',
        saveStrategy: 'no',
        overwrite: true,
      });
      trainer.on('warning', ({ message }) => say(`note: ${message}`));
      trainer.on('step', ({ step, loss }) => step % 100 === 0 && say(`${part}, step ${step}: loss ${loss.toFixed(3)}`));
      const { metrics, seconds } = await trainer.run();
      return { ...metrics, seconds };
    },
    /**
     * Prints the table of figures, or all of them as JSON.
     * @param {Record<string, Record<string, number>>} rows by name
     * @param {readonly string[]} columns
     */
    report(rows, columns) {
      say(`${['', ...columns].map((column) => column.padEnd(14)).join('')} (${cpus()[0]?.model}, ${maxSteps} steps)`);
      for (const [row, figures] of Object.entries(rows)) {
        const cells = columns.map((column) => (figures[column]?.toFixed(4) ?? '').padEnd(14));
        say(`${row.padEnd(14)}${cells.join('')} ${figures.seconds ? `${figures.seconds.toFixed(0)} s` : ''}`);
      }
      if (flags.json) console.log(JSON.stringify(rows));
    },
  };
}
