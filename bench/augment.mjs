// Augmentation on one thread: from decoded 256-pixel pictures to finished 224-pixel samples, in ortune and in current
// torchvision.transforms.v2, in this run and in turn, each in a process of its own; pictures a second, medians and
// ratios. Before anything is timed, a chain without chance must give both the same samples.
//   node bench/augment.mjs --pytorch PYTHON [--pictures 64] [--rounds 5] [--json]
// PYTHON is an interpreter with the library (python -m venv X && X/bin/pip install torch torchvision numpy). Without it
// ortune alone is measured.

import { parseArgs } from 'node:util';
import { Renderer } from '../dist/data/images/augment/renderer.js';
import { preprocessingOf } from '../dist/data/images/preprocessing.js';
import { here, machineOf, measureInTurn, medianOf } from './peers/rows.mjs';

const { values: options } = parseArgs({
  options: {
    pytorch: { type: 'string' },
    pictures: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    chain: { type: 'string' },
  },
});

const crop = { op: 'randomResizedCrop' };
const flip = { op: 'randomHorizontalFlip' };
const jitter = { op: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4 };
/** The names are those of bench/peers/torchvision_augment.py. */
const chains = {
  fixed: [{ op: 'resize' }],
  crop: [crop, flip],
  jitter: [crop, flip, jitter],
  hue: [crop, flip, { ...jitter, hue: 0.1 }],
  randaugment: [crop, flip, { op: 'randAugment' }],
};
const [side, target] = [256, 224];

/** The same waves as the peer's, so that both can be compared. */
function picture(index) {
  const data = new Uint8Array(side * side * 3);
  for (let y = 0, at = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < 3; c++) data[at++] = 128 + 127 * Math.sin((x + index) / (5 + c)) * Math.cos(y / (9 - c));
  return { data, width: side, height: side, channels: 3 };
}

/** Prints pictures a second as JSON, as the peer does; `sum`: of the first sample's numbers. */
function measure(name) {
  const preprocessing = preprocessingOf({ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] }, {}, 3);
  const shape = { channels: 3, height: target, width: target, layout: 'NCHW' };
  const renderer = new Renderer({ shape, preprocessing, augmentation: chains[name] });
  const pictures = Array.from({ length: Number(options.pictures) }, (_, i) => picture(i));
  const size = 3 * target * target;
  const batch = new Float32Array(pictures.length * size);
  const perSecond = [];
  for (let epoch = -1; epoch < 5; epoch++) {
    const started = performance.now();
    for (const [sample, one] of pictures.entries())
      renderer.render(one, { seed: 1, epoch: epoch + 1, sample }, batch.subarray(sample * size, (sample + 1) * size));
    if (epoch >= 0) perSecond.push((1000 * pictures.length) / (performance.now() - started));
  }
  perSecond.sort((a, b) => a - b);
  const sum = batch.subarray(0, size).reduce((total, value) => total + value, 0);
  console.log(JSON.stringify({ imagesPerSecond: perSecond[2], sum }));
}

function rowsOf(chain) {
  const common = ['--chain', chain, '--pictures', options.pictures];
  const own = { name: `${chain} ortune`, command: process.execPath, args: [here('augment.mjs'), ...common] };
  const peer = {
    name: `${chain} torchvision`,
    command: options.pytorch,
    args: ['-B', here('peers/torchvision_augment.py'), ...common],
  };
  return options.pytorch ? [own, peer] : [own];
}

function compare() {
  const rows = measureInTurn(Object.keys(chains).flatMap(rowsOf), Number(options.rounds));
  const of = (name) => rows.find((row) => row.name === name);
  const [own, peer] = [of('fixed ortune'), of('fixed torchvision')].map((row) => row?.results[0].sum);
  // Pixels may differ by one in 255.
  if (peer !== undefined && Math.abs(own - peer) > (3 * target * target) / 255 / 0.224)
    throw new Error(`the samples differ: their numbers add up to ${own} and ${peer}`);
  const measured = Object.keys(chains).map((chain) => {
    const [ortune, torchvision] = ['ortune', 'torchvision'].map((library) => of(`${chain} ${library}`));
    const [ours, theirs] = [ortune, torchvision].map((row) => row && medianOf(row, 'imagesPerSecond'));
    return { chain, ortune: ours, torchvision: theirs, ratio: theirs && ours / theirs };
  });
  const machine = machineOf({ threads: 1, rounds: options.rounds });
  if (options.json) return console.log(JSON.stringify({ machine, chains: measured }));
  console.log(machine);
  const line = (name, cells) => console.log(name.padEnd(14) + cells.map((cell) => cell.padStart(16)).join(''));
  line('chain', ['ortune /s', 'torchvision /s', 'ratio']);
  for (const { chain, ortune, torchvision, ratio } of measured)
    line(chain, [ortune.toFixed(0), torchvision?.toFixed(0) ?? '-', ratio?.toFixed(1) ?? '-']);
}

if (options.chain) measure(options.chain);
else compare();
