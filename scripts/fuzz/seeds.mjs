// What is mutated: small whole files of every kind, from the fixtures or made by ortune itself, and the folders that a
// case is put into.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildWordPiece, pack, Trainer, writeEncoder } from 'ortune';
import sharp from 'sharp';

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
const words = [
  'win',
  'prize',
  'cash',
  'free',
  'offer',
  'meeting',
  'patch',
  'kernel',
  'list',
  'report',
  'thanks',
  'über',
  '漢字',
];

const rows = Array.from({ length: 16 }, (_, i) => ({
  text: Array.from({ length: 3 + (i % 5) }, (_, k) => words[(i * 7 + k * k * 3) % words.length]).join(' '),
  label: i % 3 === 0 ? 'spam' : 'ham',
}));

/** Files below a folder with this ending, none larger than `most` bytes. */
function filesOf(folder, ending, most) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).size <= most)
    .sort();
}

/**
 * Makes the seeds in `folder`.
 * @returns folders and files by what they are
 */
export async function prepare(folder) {
  mkdirSync(folder, { recursive: true });
  const texts = writeTexts(folder);
  const model = join(folder, 'model');
  const tokenizer = buildWordPiece(
    rows.map(({ text }) => text),
    { minFrequency: 1, maxLength: 32 },
  );
  writeEncoder(model, { layers: 1, hidden: 16, heads: 2, positions: 32, labels: ['ham', 'spam'], tokenizer });
  const packed = join(folder, 'packed.safetensors');
  await pack({ data: texts[0], model, output: packed });
  const pictures = await writePictures(join(folder, 'pictures'));
  const packedPictures = join(folder, 'pictures.safetensors');
  await pack({ data: join(folder, 'pictures'), size: '16x16', output: packedPictures });
  const run = join(folder, 'run');
  const settings = {
    model,
    train: texts[0],
    output: run,
    maxSteps: 2,
    saveSteps: 1,
    batchSize: 4,
    threads: 1,
    workers: 1,
  };
  await new Trainer(settings).run();
  return {
    model,
    texts: [
      ...texts,
      ...filesOf(join(fixtures, 'parquet'), '.parquet', 40_000).filter((file) => !/lists|pictures/.test(file)),
    ],
    onnx: filesOf(fixtures, '.onnx', 40_000),
    packed: [packed, packedPictures],
    pictures,
    run,
    train: texts[0],
  };
}

function writeTexts(folder) {
  const delimited = (mark) =>
    ['text,label', ...rows.map(({ text, label }) => `"${text}",${label}`)].join('\n').replaceAll(',', mark);
  const files = {
    'lines.jsonl': rows.map((row) => JSON.stringify(row)).join('\n'),
    'table.csv': delimited(','),
    'table.tsv': delimited('\t'),
  };
  return Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), `${text}\n`);
    return join(folder, name);
  });
}

async function writePictures(folder) {
  const kinds = ['jpeg', 'png', 'gif', 'webp'];
  for (const label of ['a', 'b']) mkdirSync(join(folder, label), { recursive: true });
  const made = [];
  for (const [i, kind] of [...kinds, ...kinds].entries()) {
    const pixels = Buffer.from(Uint8Array.from({ length: 24 * 20 * 3 }, (_, k) => (k * (i + 7)) % 251));
    const file = join(folder, 'ab'[i % 2], `${i}.${kind}`);
    await sharp(pixels, { raw: { width: 24, height: 20, channels: 3 } })
      .toFormat(kind)
      .toFile(file);
    made.push(file);
  }
  return made;
}

/** A copy of a folder or file into the folder of a case. */
export function copy(from, to) {
  if (!existsSync(from)) throw new Error(`no seed ${from}`);
  cpSync(from, to, { recursive: true });
  return to;
}

export const read = (file) => readFileSync(file);
