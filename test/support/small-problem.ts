// A small problem to train on: separable texts, and an encoder that has learnt nothing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { temporaryDirectory } from './temporary.js';

const words = {
  spam: ['win', 'prize', 'cash', 'free', 'offer', 'click'],
  ham: ['meeting', 'patch', 'kernel', 'list', 'report', 'thanks'],
};

/** A temporary directory with separable texts as train.jsonl and test.csv, and a small untrained encoder. */
export function smallProblem({ hidden = 32 }: { hidden?: number } = {}) {
  const directory = temporaryDirectory('problem');
  const path = (name: string) => join(directory, name);
  const write = (name: string, text: string): string => {
    writeFileSync(path(name), text);
    return path(name);
  };
  const texts = Array.from({ length: 64 }, (_, i) => {
    const label = i % 2 === 0 ? 'spam' : 'ham';
    const pick = (k: number) => words[label][(i * 7 + k * 3) % 6];
    return { label, text: `${pick(i)} ${pick(i + 1)} the ${pick(i + 3)}` };
  });
  const lines = texts.map((t) => JSON.stringify(t));
  write('train.jsonl', `${lines.join('\n')}\n`);
  write(
    'test.csv',
    `text,label\n${texts
      .slice(0, 20)
      .map((t) => `${t.text},${t.label}`)
      .join('\n')}\n`,
  );
  const tokenizer = buildWordPiece(
    texts.map((t) => t.text),
    { minFrequency: 1, maxLength: 32 },
  );
  writeEncoder(path('encoder'), { layers: 1, hidden, heads: 2, positions: 32, labels: ['ham', 'spam'], tokenizer });
  return { directory, path, write, lines };
}
