// Opens the data of a run, in the data thread: reads what the options name into tables (or passes over it once, where
// it is streamed), settles the classes, holds out evaluation data, and takes down hashes, counts and repeated texts.

import { DataError } from '../errors.js';
import { ByteHash } from './byte-hash.js';
import { ofKind, rowsColumn } from './columns.js';
import { TableHash, TextKeys } from './digest.js';
import { find, isLabelled, labelColumnOf, readingOf, readsPictures, settleFiles } from './found.js';
import { type Repeated, repeatedPictures } from './images/repeated.js';
import type { Classes } from './images/targets.js';
import type { FileLabels } from './label-meaning.js';
import { type ClassesMet, oddClasses, withoutSample } from './label-notes.js';
import { countClasses, LabelSet } from './labels.js';
import type { DataInput, OpenedData, OpenedPart, OpenRequest } from './protocol.js';
import { openFiles } from './read/files.js';
import { stratifiedSplit } from './split.js';
import { passOver, rowsPart, streamPart } from './stream.js';
import { subset, type Table } from './table.js';

/** @throws UsageError for a pattern without a file; DataError, with file and line, for what cannot be trained on */
export async function openData(request: OpenRequest): Promise<OpenedData> {
  const notes: string[] = [];
  const keys = new TextKeys();
  const against = request.classes && new LabelSet(request.classes);
  const { classes, train, held, repeated } = await openTraining(request, against, keys, notes);
  if (repeated > 0 && !request.measured)
    notes.push(`${repeated} of ${train.samples} training texts repeat an earlier one`);
  const other = async (input: DataInput | undefined): Promise<OpenedPart | undefined> => {
    if (!input) return undefined;
    if ('pass' in input) return rowsPart(input.pass, settleFiles([input.pass.labels], request, classes.labels, notes));
    const found = await find(input, request, undefined, notes);
    const settled = found.settle(classes.labels);
    return partOf(found.table(settled), settled.labels, request, askedOf(input, settled));
  };
  const evaluation = held ?? (await other(request.eval));
  const test = await other(request.test);
  const corpus = request.corpus && (await openCorpus(request.corpus, request, notes));
  for (const [name, part] of [['evaluation', evaluation] as const, ['test', test] as const]) {
    const shared = part && 'table' in part.source ? keys.count(part.source.table) : 0;
    if (shared > 0) notes.push(`${shared} of ${part!.samples} ${name} texts are also in the training data`);
  }
  if (readsPictures(request.columns) && request.hashed !== false) tellRepeated({ train, evaluation, test }, notes);
  return {
    labels: classes.labels.names,
    named: classes.named,
    train,
    ...(evaluation && { eval: evaluation }),
    ...(test && { test }),
    ...(corpus && { corpus }),
    notes,
  };
}

/** Texts without labels. */
async function openCorpus(
  { input, columns }: NonNullable<OpenRequest['corpus']>,
  request: OpenRequest,
  notes: string[],
): Promise<OpenedPart> {
  const own = { ...request, columns };
  const found = await find(input, own, undefined, notes);
  const classes = found.settle(undefined);
  return partOf(found.table(classes), classes.labels, own);
}

/** What is said of texts that come again, of pictures; those opened first need not be for training. */
function tellRepeated(
  { train, evaluation, test }: { train: OpenedPart; evaluation: OpenedPart | undefined; test: OpenedPart | undefined },
  notes: string[],
): void {
  const tableOf = (part: OpenedPart | undefined): Table[] =>
    part && 'table' in part.source ? [part.source.table] : [];
  const [trained] = tableOf(train);
  if (!trained) return;
  const others = [
    ...tableOf(evaluation).map((table) => ({ name: 'evaluation', table })),
    ...tableOf(test).map((table) => ({ name: 'test', table })),
  ];
  const found = repeatedPictures(
    trained,
    others.map(({ table }) => table),
  );
  const tell = ({ count, first }: Repeated, what: string): void => {
    if (!first) return;
    const same = first.same === first.place ? '' : `, the same as ${first.same}`;
    notes.push(`${count} of ${what}; the first: ${first.place}${same}`);
  };
  tell(found.within, `${trained.count} pictures repeat an earlier one`);
  for (const [i, { name, table }] of others.entries())
    tell(found.shared[i]!, `${table.count} ${name} pictures are also in the training data`);
}

interface OpenedTraining {
  classes: Classes;
  train: OpenedPart;
  /** What is held out to evaluate on. */
  held?: OpenedPart | undefined;
  /** Texts that repeat an earlier one. */
  repeated: number;
}

async function openTraining(
  request: OpenRequest,
  against: LabelSet | undefined,
  keys: TextKeys,
  notes: string[],
): Promise<OpenedTraining> {
  const { columns, weights, evalSplit, seed } = request;
  const settled = (part: OpenedPart, files: readonly FileLabels[], { labels }: Classes): OpenedPart => {
    noteOdd(part, { files, classes: labels }, request, notes);
    return part;
  };
  if (request.streaming && 'files' in request.train) {
    const files = await openFiles(request.train.files);
    const pass = await passOver(files, columns, weights, keys, readingOf(request, notes));
    const classes = settleFiles(pass.labels, request, against, notes);
    return { classes, train: settled(streamPart(pass, classes), pass.labels, classes), repeated: pass.repeated };
  }
  if ('pass' in request.train) {
    const { pass } = request.train;
    const classes = settleFiles([pass.labels], request, against, notes);
    return { classes, train: settled(rowsPart(pass, classes), [pass.labels], classes), repeated: 0 };
  }
  const found = await find(request.train, request, weights, notes);
  const classes = found.settle(against);
  const all = found.table(classes);
  settled(partOf(all, classes.labels, { ...request, hashed: false }), found.labels, classes);
  const parts = evalSplit === undefined ? undefined : split(all, classes.labels, evalSplit, seed);
  const train = parts?.train ?? all;
  const asked = askedOf(request.train, classes);
  return {
    classes,
    train: partOf(train, classes.labels, request, asked),
    held: parts && partOf(parts.eval, classes.labels, request, asked),
    repeated: asked === undefined ? keys.add(train) : 0,
  };
}

/** Says what is odd about the classes of data. */
function noteOdd(
  { classCounts: counts, samples }: Pick<OpenedPart, 'classCounts' | 'samples'>,
  met: Pick<ClassesMet, 'files' | 'classes'>,
  { columns, classes: given, measured = given !== undefined, multiLabel }: OpenRequest,
  notes: string[],
): void {
  const column = labelColumnOf(columns);
  if (rowsColumn(columns) && !multiLabel) return;
  if (column === undefined || !isLabelled(columns)) return;
  const found = { ...met, counts, samples, column };
  notes.push(...(measured ? withoutSample(found, 'data') : oddClasses(found)));
}

/** Of rows that are asked for by number: the hash of all, and how their labels are read. */
interface Asked {
  hash: string;
  readings: Classes['readings'];
}

const askedOf = (input: DataInput, { readings }: Classes): Asked | undefined =>
  'table' in input && input.asked !== undefined ? { hash: input.asked, readings } : undefined;

/** @param asked where the table has labels, weights and lengths alone */
function partOf(table: Table, { names }: LabelSet, request: OpenRequest, asked?: Asked): OpenedPart {
  const { columns, multiLabel = false, hashed = true } = request;
  const hash = new TableHash();
  if (hashed && asked === undefined) hash.add(table, names);
  // The classes of pictures may be more than those that samples have, and in any order.
  const whole = (): string => asked?.hash ?? hash.hex(readsPictures(columns) ? names : undefined);
  const parted = asked !== undefined && request.evalSplit !== undefined;
  return {
    files: table.origin.files,
    samples: table.count,
    hash: !hashed ? '' : parted ? hashOfAsked(asked.hash, table) : whole(),
    classCounts: countClasses(table, names.length, multiLabel),
    readings: asked?.readings ?? [],
    source: asked === undefined ? { table } : { asked: table },
  };
}

/** Of some of the rows that are asked for by number. */
function hashOfAsked(all: string, { count, origin: { lines } }: Table): string {
  const numbers = lines!.line.subarray(0, count);
  const hash = new ByteHash();
  hash.piece(Buffer.from(all));
  for (const number of numbers) hash.number(number);
  return hash.hex();
}

function split(table: Table, labels: LabelSet, share: number, seed: number): { train: Table; eval: Table } {
  const classes = ofKind(table.columns, 'label', 'class')?.values ?? new Int32Array(table.count);
  const parts = stratifiedSplit(classes, table.count, labels.size, share, seed);
  if (parts.eval.length === 0)
    throw new DataError(
      `evalSplit ${share} of ${table.count} samples (${table.origin.files.join(', ')}) holds out none of any class; raise it`,
    );
  return { train: subset(table, parts.train), eval: { ...subset(table, parts.eval), weight: undefined } };
}
