// Data files on disk for tests of the data thread, and the ways to look at what comes of them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset, RowsRequest } from '#ortune/data/dataset.js';
import type { TextSamples } from '#ortune/data/rows.js';
import { TextData, type TextDataOptions } from '#ortune/data/text-data.js';

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
  const opened: TextData[] = [];
  return {
    path: (name: string): string => join(directory, name),
    /** Writes samples as JSON lines. */
    write(name: string, samples: readonly object[]): string {
      writeFileSync(join(directory, name), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
      return join(directory, name);
    },
    async open(options: Partial<TextDataOptions> & { train: readonly string[] }, signal?: AbortSignal) {
      const data = await TextData.open({ columns, ...options }, signal);
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

export function seen(rows: TextSamples): Seen {
  const { index, samples, labels, weights, chunks, places } = rows;
  const textOf = (row: number): string => {
    const [chunk, start, text, pair] = places.subarray(4 * row, 4 * row + 4);
    const bytes = Buffer.from(chunks[chunk!]!);
    const first = bytes.toString('utf8', start, start! + text!);
    return pair === 0 ? first : `${first}|${bytes.toString('utf8', start! + text!, start! + text! + pair!)}`;
  };
  return {
    index,
    samples: [...samples],
    texts: Array.from(samples, (_, row) => textOf(row)),
    labels: [...labels],
    weights: [...weights],
    places: Array.from(samples, (_, row) => rows.where(row)),
  };
}

export async function batchesOf(data: Dataset, request: Partial<RowsRequest> = {}): Promise<Seen[]> {
  const batches: Seen[] = [];
  for await (const rows of data.rows({ batchSize: 8, seed: 5, epoch: 0, ...request })) batches.push(seen(rows));
  return batches;
}
