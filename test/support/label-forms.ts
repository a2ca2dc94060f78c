// Small data with given labels in every form that data has, opened as the data thread opens it, but in this thread:
// what class each sample becomes, what is said, or why it is refused.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageColumns, textColumns } from '#ortune/data/column-specs.js';
import type { ColumnSpec } from '#ortune/data/columns.js';
import { ofKind } from '#ortune/data/columns.js';
import { sourceOf } from '#ortune/data/images/tensors.js';
import { LabelReader, sortedNames } from '#ortune/data/labels.js';
import { RowFunction } from '#ortune/data/memory/row-function.js';
import { readRows } from '#ortune/data/memory/rows.js';
import { openData } from '#ortune/data/open.js';
import { packMetadata, withSum } from '#ortune/data/pack/pack-format.js';
import type { DataInput, OpenRequest } from '#ortune/data/protocol.js';
import { readBlock } from '#ortune/data/stream.js';
import { int64, safetensors, uint8 } from './safetensors.js';

export type Label = string | number | bigint | boolean;
/** What decides beside the data. */
export type Rules = Pick<OpenRequest, 'labelNames' | 'modelLabels' | 'classes' | 'numLabels'>;

/** The classes in their order, that of each sample, and what was said. */
export interface Read {
  classes: readonly string[];
  samples: string[];
  notes: string;
}

const texts = textColumns({ textColumn: 'text', labelColumn: 'label' });
const words: ColumnSpec[] = [
  { role: 'words', kind: 'texts', name: 'words' },
  { role: 'tags', kind: 'classes', name: 'tags', target: true },
];
const pictures = imageColumns({ labelColumn: 'label' });

let written = 0;
const put = (directory: string, ending: string, content: string | Uint8Array): { files: string[] } => {
  const file = join(directory, `${written++}${ending}`);
  writeFileSync(file, content);
  return { files: [file] };
};
const rows = (labels: readonly Label[]) => labels.map((label, i) => ({ text: `text ${i}`, label }));
const lines = (values: readonly object[]): string => values.map((value) => `${json(value)}\n`).join('');
/** As JSON, whole numbers of any size. */
const json = (value: unknown): string =>
  JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `big ${one}` : one)).replaceAll(/"big (\d+)"/g, '$1');
const cell = (label: Label): string => `"${String(label).replaceAll('"', '""')}"`;
const readTexts = (name: string) => ({ name, columns: texts, weights: undefined });

interface Form {
  columns: readonly ColumnSpec[];
  write(directory: string, labels: readonly Label[]): DataInput | Promise<DataInput>;
  streaming?: boolean;
}

export const labelForms: Readonly<Record<string, Form>> = {
  'JSON Lines': { columns: texts, write: (to, labels) => put(to, '.jsonl', lines(rows(labels))) },
  CSV: {
    columns: texts,
    write: (to, labels) => put(to, '.csv', `text,label\n${labels.map((label) => `a,${cell(label)}\n`).join('')}`),
  },
  TSV: {
    columns: texts,
    write: (to, labels) => put(to, '.tsv', `label\ttext\n${labels.map((label) => `${label}\ta\n`).join('')}`),
  },
  streamed: { columns: texts, streaming: true, write: (to, labels) => put(to, '.jsonl', lines(rows(labels))) },
  rows: { columns: texts, write: (_, labels) => readRows(rows(labels), readTexts('train')) },
  'a function of the epoch': {
    columns: texts,
    write: async (_, labels) => ({ pass: await new RowFunction(() => rows(labels), readTexts('train')).pass() }),
  },
  words: {
    columns: words,
    write: (to, labels) => put(to, '.jsonl', lines([{ words: labels.map(() => 'a'), tags: labels }])),
  },
  'packed texts': { columns: texts, write: (to, labels) => put(to, '.safetensors', packedTexts(labels)) },
  'a folder of pictures': {
    columns: pictures,
    write(to, labels) {
      const folder = join(to, String(written++));
      for (const [i, label] of labels.entries()) {
        mkdirSync(join(folder, String(label)), { recursive: true });
        writeFileSync(join(folder, String(label), `${i}.jpg`), '');
      }
      return { files: [folder] };
    },
  },
  'a CSV of pictures': {
    columns: pictures,
    write: (to, labels) => put(to, '.csv', `image,label\n${labels.map((label) => `a.jpg,${cell(label)}\n`).join('')}`),
  },
  'JSON Lines of pictures': {
    columns: pictures,
    write: (to, labels) => put(to, '.jsonl', lines(labels.map((label) => ({ image: 'a.jpg', label })))),
  },
  'encoded pictures in memory': {
    columns: pictures,
    write: (_, labels) => ({
      source: sourceOf({ images: labels.map(() => 'a.jpg'), labels: labels as string[] }, 'train'),
    }),
  },
  'stored tensors': {
    columns: pictures,
    write: (to, labels) =>
      put(
        to,
        '.safetensors',
        safetensors({
          pixel_values: uint8([labels.length, 1, 1, 1], labels.map(Number)),
          labels: int64([labels.length], labels.map(Number)),
        }),
      ),
  },
  'pixels in memory': {
    columns: pictures,
    write(_, labels) {
      const [pixels, shape] = [new Uint8Array(labels.length), [labels.length, 1, 1, 1]];
      return { source: sourceOf({ pixels, shape, labels: labels.map(Number) }, 'train') };
    },
  },
};

/** Whether a form holds labels only as numbers. */
export const holdsNumbers = (form: string): boolean => form === 'stored tensors' || form === 'pixels in memory';

/** A packed file of texts whose labels are numbers of `names`, or of those of the labels. */
export function packedTexts(labels: readonly Label[], names = sortedNames([...new Set(labels.map(String))])): Buffer {
  const ids = labels.map((label) =>
    typeof label === 'number' && !names.includes(String(label)) ? label : names.indexOf(String(label)),
  );
  const each = labels.map(() => 1);
  const none = labels.map(() => 0);
  const metadata = { tokenizer_sha256: '', max_length: '8', label_names: JSON.stringify(names) };
  const bytes = safetensors(
    {
      input_ids: int64([0], []),
      lengths: int64([labels.length], none),
      characters: int64([labels.length], each),
      second_from: int64([labels.length], none),
      second_to: int64([labels.length], none),
      truncated: int64([labels.length], none),
      labels: int64([labels.length], ids),
    },
    packMetadata('texts', metadata),
  );
  const start = 8 + Number(bytes.readBigUInt64LE());
  const [head, tensors] = [bytes.subarray(0, start), bytes.subarray(start)];
  const sum = createHash('sha256').update(tensors).update(head).digest('hex');
  return Buffer.concat([withSum(head, sum), tensors]);
}

/** What becomes of labels; an error's message where they are refused. */
export async function readLabels(
  form: string,
  directory: string,
  labels: readonly Label[],
  rules: Rules,
): Promise<Read | string> {
  const { columns, write, streaming } = labelForms[form]!;
  try {
    return await readAs(await write(directory, labels), { columns, streaming }, rules, labels);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What a prediction takes of data of a form, labels or none: the samples, and what was said. */
export async function readUnlabelled(
  form: string,
  directory: string,
  labels: readonly Label[],
): Promise<{ samples: number; notes: readonly string[] }> {
  const { columns, write } = labelForms[form]!;
  const unlabelled = columns.filter(({ target, role }) => !target && role !== 'label');
  const train = await write(directory, labels);
  const { train: part, notes } = await openData({
    train,
    columns: unlabelled,
    hashed: false,
    measured: true,
    seed: 0,
    scratch: '',
  });
  return { samples: part.samples, notes };
}

/** The task whose data have a form. */
export const taskOf = (form: string): 'text-classification' | 'token-classification' | 'image-classification' => {
  const { columns } = labelForms[form]!;
  if (columns === words) return 'token-classification';
  return columns === pictures ? 'image-classification' : 'text-classification';
};

/** Of any input. */
export async function readAs(
  train: DataInput,
  { columns = texts, streaming }: { columns?: readonly ColumnSpec[]; streaming?: boolean | undefined },
  rules: Rules,
  given: readonly Label[] = [],
): Promise<Read> {
  const request = { train, columns, streaming, ...rules, hashed: false, seed: 0, scratch: '' };
  const { labels: classes, notes, train: part } = await openData(request);
  const { source, readings } = part;
  const numbers = async (): Promise<ArrayLike<number>> => {
    if ('table' in source) {
      const { columns, count } = source.table;
      const tags = ofKind(columns, 'tags', 'classes');
      return tags
        ? tags.values.subarray(0, tags.offsets[count])
        : ofKind(columns, 'label', 'class')!.values.subarray(0, count);
    }
    if (!('stream' in source)) return given.map((label) => new LabelReader(readings[0]!).classOf(String(label)));
    const order = { batchSize: 8, seed: 0, epoch: 0, sampling: 'sequential', groupByLength: false } as const;
    const place = { sequence: [0], from: 0, count: part.samples, buffer: 0 };
    const block = await readBlock({ files: source.stream, columns, labels: classes, readings, order, ...place });
    return ofKind(block.table.columns, 'label', 'class')!.values.subarray(0, part.samples);
  };
  return { classes, samples: Array.from(await numbers(), (id) => classes[id]!), notes: notes.join('\n') };
}
