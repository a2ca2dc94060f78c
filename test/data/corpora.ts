// Data files on disk for tests of the data thread, and the ways to look at what comes of them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ofKind, textAt } from '#ortune/data/columns.js';
import type { Dataset, RowsRequest } from '#ortune/data/dataset.js';
import { classesOf, type Samples } from '#ortune/data/samples.js';
import type { Splits } from '#ortune/data/splits.js';
import { type OpenTexts, openTexts } from '../support/tables.js';

export interface Sample {
  text: string;
  pair?: string;
  label: string | number;
  weight?: number;
}

const words = ['the', 'free', 'money', 'meeting', 'click', 'here', 'lunch', 'mäils'];

/** Different texts of 1 to 90 words in three classes of 70, 20 and 10 %. */
export const corpus = (count: number, first = 0): Sample[] =>
  Array.from({ length: count }, (_, k) => {
    const i = first + k;
    const text = Array.from({ length: 1 + ((i * 31) % 90) }, (_, j) => words[(i + j * j) % 8]).join(' ');
    return { text: `${text} ${i}`, label: i % 10 < 7 ? 'ham' : i % 10 < 9 ? 'spam' : 'eggs', weight: (i % 5) / 2 };
  });

export const columns = { text: 'text', label: 'label' };

export function corpora() {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-data-'));
  const opened: Splits[] = [];
  return {
    path: (name: string): string => join(directory, name),
    /** Writes samples as JSON lines. */
    write(name: string, samples: readonly object[]): string {
      writeFileSync(join(directory, name), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
      return join(directory, name);
    },
    async open(options: Partial<OpenTexts> & { train: readonly string[] }, signal?: AbortSignal) {
      const data = await openTexts({ columns, ...options }, signal);
      opened.push(data);
      return data;
    },
    async closeAll(): Promise<void> {
      for (const data of opened.splice(0)) await data.close();
    },
    remove: (): void => rmSync(directory, { recursive: true }),
  };
}

/** A batch as plain values. */
export interface Seen {
  index: number;
  samples: number[];
  texts: string[];
  labels: number[];
  weights: number[];
  places: string[];
}

export function seen(rows: Samples): Seen {
  const { index, samples, weights, slices } = rows;
  const [texts, pairs] = [ofKind(slices, 'text', 'text'), ofKind(slices, 'pair', 'text')];
  const textOf = (row: number): string => {
    const pair = pairs ? textAt(pairs, row) : '';
    return textAt(texts!, row) + (pair === '' ? '' : `|${pair}`);
  };
  return {
    index,
    samples: [...samples],
    texts: Array.from(samples, (_, row) => textOf(row)),
    labels: [...classesOf(rows)],
    weights: [...weights],
    places: Array.from(samples, (_, row) => rows.location(row)),
  };
}

export async function batchesOf(data: Dataset, request: Partial<RowsRequest> = {}): Promise<Seen[]> {
  const batches: Seen[] = [];
  for await (const rows of data.rows({ batchSize: 8, seed: 5, epoch: 0, ...request })) batches.push(seen(rows));
  return batches;
}
