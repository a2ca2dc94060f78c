// The zoo's table: of each file that test/fixtures/zoo/export.py made, whether it trains, which of PyTorch's parameters
// ortune finds, and the distance of the gradients from PyTorch's. Not part of the test suite, since PyTorch makes the
// files.
//
//     python test/fixtures/zoo/export.py FOLDER
//     npm run build && node scripts/zoo.mjs FOLDER [NAME…] [--markdown FILE]
//
// What FOLDER/results.jsonl has is not looked at again, but for files named by a part of their name.

import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gradcheckModel } from '../dist/commands/gradcheck.js';
import { OrtuneError } from '../dist/errors.js';
import { openDevice } from '../dist/runtime/session.js';
import { compareGradients } from '../test/fixtures/zoo/gradients.mjs';
import { elementsOf, matchParameters } from '../test/fixtures/zoo/match.mjs';

const tolerance = 2e-5;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { markdown: { type: 'string' } },
});
const [folder, ...parts] = positionals;
const file = join(folder, 'results.jsonl');
const lines = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').filter(Boolean) : []);
const known = new Map(lines(file).map((line) => [JSON.parse(line).name, JSON.parse(line)]));

const worstOf = (errors) => Object.entries(errors).sort((a, b) => b[1] - a[1])[0] ?? ['', 0];

/**
 * What the choice of parameters is worth: elements of PyTorch's parameters that stand in the file, and of these found.
 */
function choiceOf(path) {
  const { parameters, present, missed, buffers } = matchParameters(path);
  return {
    parameters: parameters.length,
    elements: elementsOf(parameters),
    present: elementsOf(present),
    missed: elementsOf(missed),
    missedNames: missed.map(({ name, reason }) => `${name}: ${reason ?? 'a number'}`),
    buffers: buffers.map(({ name }) => name),
  };
}

async function look(name, device) {
  const path = join(folder, name);
  const base = { name, bytes: statSync(path).size };
  const record = JSON.parse(readFileSync(path.replace(/onnx$/, 'json'), 'utf8'));
  try {
    const choice = choiceOf(path);
    if (!record.gradients) {
      const { checked, failed, notMeasurable, worst } = await gradcheckModel(path, { threads: 1 });
      const state = failed === 0 && notMeasurable < checked ? 'measured' : 'differs';
      return {
        ...base,
        ...choice,
        state,
        checked,
        failed,
        notMeasurable,
        worst: [worst?.parameter, worst?.relativeError],
      };
    }
    const { missed, outputs, gradients } = await compareGradients(path, device, device.kernels);
    const [worst, forward] = [worstOf(gradients), worstOf(outputs)];
    const compared = Object.keys(gradients).length;
    const agrees = missed.length === 0 && compared > 0 && Math.max(worst[1], forward[1]) < tolerance;
    return {
      ...base,
      ...choice,
      state: agrees ? 'agrees' : 'differs',
      exact: record.exact,
      compared,
      worst,
      forward,
      untrained: missed,
    };
  } catch (error) {
    return { ...base, state: error instanceof OrtuneError ? 'refused' : 'fails', why: error.message.slice(0, 600) };
  }
}

const device = await openDevice('cpu', { threads: 1 });
for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.onnx'))) {
  const wanted = parts.length === 0 ? !known.has(name) : parts.some((part) => name.includes(part));
  if (!wanted || !existsSync(join(folder, name.replace(/onnx$/, 'json')))) continue;
  const found = await look(name, device);
  known.set(name, found);
  appendFileSync(file, `${JSON.stringify(found)}\n`);
  if (found.state !== 'agrees')
    console.log(name, found.state, found.why ?? `${found.worst} ${found.forward} ${found.untrained}`);
}
await device.close();

const formNames = [
  [/^(f16|f16io)-/, 'float16'],
  [/^opt-/, "rewritten by the runtime's optimizer"],
  [/^saved-/, 'saved by a session'],
  [/^(nbits|qdq|static|dynamic)/, 'quantised'],
  [/^merged-/, 'merged decoders'],
  [/^vc|dyn2[2-9]/, 'opset 22 and later'],
  [/^dyn/, 'the exporter of PyTorch 2'],
  [/^ts17/, 'TorchScript, opset 17'],
  [/^ts/, 'TorchScript, other opsets'],
];
const formOf = ({ name }) => formNames.find(([pattern]) => pattern.test(name.split('.')[1]))[1];
const results = [...known.values()].filter(({ name }) => existsSync(join(folder, name)));
const percent = (part, of) => `${((100 * part) / of).toFixed(part === of ? 0 : 2)} %`;
const some = (names) => names.slice(0, 3).join('; ') + (names.length > 3 ? `; … ${names.length} in all` : '');
const sum = (list, key) => list.reduce((n, one) => n + (one[key] ?? 0), 0);

function rowOf(title, list) {
  const chosen = list.filter(({ elements }) => elements !== undefined);
  const states = ['agrees', 'measured', 'differs', 'refused', 'fails'].map(
    (s) => list.filter(({ state }) => state === s).length,
  );
  const [present, missed] = [sum(chosen, 'present'), sum(chosen, 'missed')];
  const errors = list
    .filter(({ state }) => state === 'agrees')
    .map(({ worst }) => worst[1])
    .sort((a, b) => a - b);
  const cells = [
    title,
    list.length,
    ...states,
    percent(present - missed, present),
    chosen.reduce((n, { buffers }) => n + buffers.length, 0),
  ];
  return `| ${[...cells, (errors[errors.length >> 1] ?? Number.NaN).toExponential(1)].join(' | ')} |`;
}

const titles = formNames
  .map(([, title]) => title)
  .reverse()
  .filter((title) => results.some((r) => formOf(r) === title));
const table = [
  '| files | | agree | measured | differ | refused | fail | elements found | buffers trained | median error |',
  `|${' --- |'.repeat(10)}`,
  ...titles.map((title) =>
    rowOf(
      title,
      results.filter((r) => formOf(r) === title),
    ),
  ),
  rowOf('all', results),
].join('\n');
console.log(table);
for (const { name, state, why, worst, untrained, missedNames = [], buffers = [] } of results) {
  if (state !== 'agrees') console.log(`${name}: ${state}: ${why ?? `${worst} ${untrained ?? ''}`}`);
  if (missedNames.length > 0) console.log(`${name}: not trained: ${some(missedNames)}`);
  if (buffers.length > 0) console.log(`${name}: buffers: ${some(buffers)}`);
}
if (options.markdown) writeFileSync(options.markdown, `${table}\n`);
