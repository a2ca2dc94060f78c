// node bench/few-mails.mjs: what a newcomer with 96 labelled mails reaches by the defaults, beside the share of the
// larger class, for three seeds of mails and run. --test N evaluates on so many mails, the same share of spam among
// them; default all that may be tested on.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from 'ortune';
import { spamMails } from './spam-mails.mjs';

const { values: flags } = parseArgs({
  options: { test: { type: 'string' }, labels: { type: 'string', default: '96' } },
});
const directory = mkdtempSync(join(tmpdir(), 'few-mails-'));
const write = (name, mails) => {
  writeFileSync(join(directory, name), mails.map((mail) => `${JSON.stringify(mail)}\n`).join(''));
  return join(directory, name);
};
/** So many, the same share of each label. */
const some = (mails, wanted) =>
  ['ham', 'spam'].flatMap((label) => {
    const all = mails.filter((mail) => mail.label === label);
    return all.slice(0, Math.round((wanted * all.length) / mails.length));
  });

console.log(`${cpus()[0].model}, ${flags.labels} mails`);
for (const seed of [0, 1, 2]) {
  const { train, test } = spamMails({ seed, labels: Number(flags.labels) });
  const held = flags.test === undefined ? test : some(test, Number(flags.test));
  const trainer = new Trainer({
    model: join(import.meta.dirname, '..', 'models', 'tiny-en'),
    train: write('train.jsonl', train),
    test: write('test.jsonl', held),
    output: join(directory, `seed${seed}`),
    seed,
  });
  trainer.on('warning', ({ message }) => console.log(`note: ${message}`));
  const { metrics } = await new Promise((done, fail) => {
    trainer.on('evaluation', done);
    trainer.run().catch(fail);
  });
  const larger = held.filter(({ label }) => label === 'ham').length / held.length;
  console.log(
    `seed ${seed}: accuracy ${metrics.accuracy.toFixed(3)}, f1 ${metrics.f1.toFixed(3)}, larger class ${larger.toFixed(3)} of ${held.length}`,
  );
}
rmSync(directory, { recursive: true, force: true });
process.exit(0);
