// What the benches that compare ortune with other libraries share: rows of commands, each of which runs alone in a
// process of its own and prints its result as a JSON object in the last line, taken in turn so that a drift of the
// machine meets them all.

import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Options of a bench beside Python: `sizes` with their defaults, `--pytorch` with an interpreter, `--rounds`, `--json`,
 * and `--own` for the process that measures ortune alone. `shape`: the sizes as arguments of each row's command.
 */
export function peerOptions(sizes, rounds) {
  const text = (value) => ({ type: 'string', default: value });
  const flag = { type: 'boolean', default: false };
  const given = Object.fromEntries(Object.entries(sizes).map(([name, value]) => [name, text(value)]));
  const { values: options } = parseArgs({
    options: { ...given, pytorch: text('python3'), rounds: text(rounds), json: flag, own: flag },
  });
  return { options, shape: Object.keys(sizes).flatMap((name) => [`--${name}`, options[name]]) };
}

/** A path beside the benches. */
export const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function run(row) {
  const { status, stdout, stderr, error } = spawnSync(row.command, row.args, { encoding: 'utf8' });
  const line = stdout?.trim().split('\n').at(-1);
  if (status === 0 && line?.startsWith('{')) return JSON.parse(line);
  const lines = stderr?.trim().split('\n') ?? [];
  const why = error?.message ?? lines.find((l) => l.includes('Error')) ?? lines.at(-1);
  process.stderr.write(`${row.name} left out: ${row.command} failed: ${why}\n`);
  return undefined;
}

/**
 * Runs every row once a round and returns those that ran, with their `results`; one that fails is named and left out.
 */
export function measureInTurn(rows, rounds) {
  for (const row of rows) row.results = [];
  for (let round = 0; round < rounds; round++)
    for (const row of rows) {
      if (round > 0 && row.results.length === 0) continue;
      const result = run(row);
      if (result) row.results.push(result);
    }
  return rows.filter((row) => row.results.length > 0);
}

/** Median over the rounds. */
export const medianOf = (row, key) => median(row.results.map((r) => r[key]));

export const machineOf = ({ threads, rounds }) =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${threads} threads, ${rounds} round(s)`;
