// npm run quickstart:images: what does a pre-trained CNN save? models/tiny-emoji knows one vendor's drawings of emoji;
// from five pictures of each class of another vendor's it is trained in the ways one can, with several seeds, and
// measured on the others. Writes a sheet of predictions, right and wrong, and one of augmented samples. Everything
// through the public API; the first run installs one data package (62 MB). With --json the last line of stdout is one
// object; with --short a few steps of one seed are taken, to see that it works.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compare, loadModel, preview } from 'ortune';
import sharp from 'sharp';
import { comparisonText } from '../dist/compare/markdown.js';
import { contactSheet } from '../dist/report/contact-sheet.js';
import { ProgressLine } from '../dist/report/progress.js';
import { each, fewPictures } from './few-pictures.mjs';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    output: { type: 'string', default: join(import.meta.dirname, '..', 'runs', 'quickstart-images') },
  },
});
const root = resolve(flags.output);
const here = (path) => relative(process.cwd(), path) || '.';
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const say = (text) => process.stderr.write(`${text}\n`);
const percent = (part) => `${(100 * part).toFixed(1)} %`;

const model = join(import.meta.dirname, '..', 'models', 'tiny-emoji');
const white = 255;
const augmentation = [
  {
    op: 'randomAffine',
    degrees: 8,
    scale: [0.85, 1.1],
    translate: [0.06, 0.06],
    interpolation: 'bilinear',
    fill: white,
  },
  { op: 'randomResizedCrop', scale: [0.6, 1] },
  { op: 'randomHorizontalFlip' },
  { op: 'colorJitter', brightness: 0.2, contrast: 0.2, saturation: 0.3, hue: 0.04 },
];

const options = ({ few, test }) => ({
  task: 'image-classification',
  model,
  train: few,
  test,
  output: join(root, 'compared'),
  overwrite: true,
  strategies: ['untouched', 'frozen', 'scratch', 'finetuned'],
  seeds: flags.short ? [0] : [0, 1, 2],
  ...(flags.short ? { maxSteps: 2 } : { epochs: 30 }),
  batchSize: 32,
  optimizer: 'adamw',
  learningRate: 1e-3,
  weightDecay: 0.05,
  schedule: 'cosine',
  labelSmoothing: 0.1,
  augmentation,
  saveStrategy: 'no',
  overrides: {
    // The trunk's values are computed once, which takes pictures that do not change.
    frozen: { learningRate: 1e-2, augmentation: [], batchNorm: 'frozen' },
    scratch: { learningRate: 3e-3, batchNorm: 'batch' },
    /** A new head learns faster than what is already there. */
    finetuned: { learningRate: 3e-4, groups: [{ parameters: 'head', learningRate: 5e-3 }], batchNorm: 'frozen' },
  },
});

async function train(data, line) {
  return compare(options(data), {
    onRun: ({ strategy, seed }, trainer) => {
      line.message(`${seconds().toFixed(0)} s: ${strategy}, seed ${seed}`);
      trainer.on('step', (event) => line.update(event));
      trainer.on('trunk', (event) => line.trunk(event));
    },
    onResult: ({ strategy }, { value }) =>
      line.message(`${strategy}: ${percent(value)} of the held-out pictures right`),
  });
}

/** Some held-out pictures with what a model makes of them: so many right and so many wrong. */
async function predictions(from, folder, count) {
  const files = readdirSync(folder).flatMap((label) =>
    readdirSync(join(folder, label)).map((file) => join(folder, label, file)),
  );
  const opened = await loadModel(from);
  const found = await opened.predict({ files });
  await opened.close();
  const judged = files.map((file, i) => {
    const expected = basename(dirname(file));
    return { file, expected, ...found[i], judged: found[i].label === expected ? 'right' : 'wrong' };
  });
  const some = (wanted) => {
    const of = judged.filter(({ judged }) => judged === wanted);
    return of.filter((_, i) => i % Math.max(1, Math.floor(of.length / count)) === 0).slice(0, count);
  };
  return [...some('right'), ...some('wrong')];
}

async function sheetOf(shown) {
  const pictures = [];
  for (const { file, label, score, expected, judged } of shown) {
    const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const caption = `${label} ${score.toFixed(2)}${judged === 'wrong' ? `, is ${expected}` : ''}`;
    pictures.push({ pixels: data, width: info.width, height: info.height, caption, judged });
  }
  return contactSheet(pictures, { title: 'Held-out pictures: rightly labelled (green) and wrongly (red)' });
}

say('preparing the pictures ...');
mkdirSync(root, { recursive: true });
const data = await fewPictures(join(root, 'pictures'), { say });
say(`${data.classes} classes, ${each} pictures of each to train on, ${data.heldOut} held out`);
const line = new ProgressLine(process.stderr);
const result = await train(data, line).finally(() => line.stop());
const { strategies, best } = result;
const accuracy = Object.fromEntries(strategies.map(({ name, mean }) => [name, mean]));
const bestModel = strategies.find(({ name }) => name === best).seeds[0].output;
const sheets = { predictions: join(root, 'predictions.png'), augmented: join(root, 'augmented.png') };
writeFileSync(sheets.predictions, await sheetOf(await predictions(bestModel, data.test, 32)));
await preview({ model, train: data.few, augmentation, output: sheets.augmented });

if (flags.json) console.log(JSON.stringify({ accuracy, best, sheets, seconds: seconds(), output: bestModel }));
else
  console.log(`
${each} pictures of each of ${data.classes} classes; accuracy on ${data.heldOut} held-out ones, mean of ${strategies[0].seeds.length} seeds:

${comparisonText(result)}

pre-trained on another vendor's drawings of the same emoji

${here(sheets.predictions)}   what the best model makes of held-out pictures
${here(sheets.augmented)}   training pictures and what augmentation makes of them

${seconds().toFixed(0)} s in all on ${cpus().length} x ${cpus()[0].model}
The model is in ${here(bestModel)}; onnxruntime and transformers.js open it.

Next:
  npx ortune predict ${here(bestModel)} YOUR.png
  npx ortune train --task image-classification --model models/tiny-emoji --train YOUR_FOLDER --eval-split 0.2 --augmentation standard --output runs/yours
  npx ortune preview --model models/tiny-emoji --train YOUR_FOLDER --augmentation standard --output preview.png`);
