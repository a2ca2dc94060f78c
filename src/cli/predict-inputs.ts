// What arguments, --data and standard input of `ortune predict` stand for, which the model decides: of a model of
// pictures or tensors they are files; of one of texts an argument may be a text, or a file of texts.

import { existsSync, statSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { isDynamicPattern } from 'tinyglobby';
import type { PredictInput } from '../commands/predict.js';
import type { PredictConfig } from '../config/schema.js';
import { textColumns } from '../data/column-specs.js';
import { isPicture } from '../data/images/picture-names.js';
import { packKind } from '../data/pack/pack-format.js';
import { textBlocks } from '../data/read/blocks.js';
import type { TextOptions } from '../data/read/bytes.js';
import { openFiles } from '../data/read/files.js';
import { formOf } from '../data/read/form.js';
import { isTable, readRaw } from '../data/read/raw.js';
import { columnNames, toRecord } from '../data/read/record.js';
import type { TextInput } from '../data/samples.js';
import { DataError, UsageError } from '../errors.js';
import { isRemote } from '../models/remote-file.js';
import { quote } from '../quote.js';
import { type Reads, whatIsRead } from '../tasks/reads.js';

/** What is labelled. */
export type Inputs = Extract<PredictInput, { files: unknown } | readonly TextInput[]>;

/** What of a configuration says which texts there are. */
export type InputsConfig = Parameters<typeof formOf>[0] &
  Pick<PredictConfig, 'model' | 'data' | 'textColumn'> & {
    pairColumn?: string | undefined;
    wordsColumn?: string | undefined;
    promptColumn?: string | undefined;
    messagesColumn?: string | undefined;
  };

/** Of a command that takes texts alone. @throws UsageError for packed texts */
export function textsIn(input: Inputs): readonly TextInput[] {
  if ('files' in input)
    throw new UsageError('packed texts are of one column and one tokenizer: give the texts themselves');
  return input;
}

interface Reading {
  signal: AbortSignal;
  /** Told what is to be said of how they were read. */
  onNote: (note: string) => void;
}

/**
 * @param reads what the model's samples are
 * @throws UsageError for arguments that are neither all files nor all texts, or nothing; DataError for a file
 */
export async function inputsOf(
  reads: Reads,
  given: readonly string[],
  config: InputsConfig,
  { signal, onNote }: Reading,
): Promise<Inputs> {
  const { model, data } = config;
  if (reads === 'pictures' || reads === 'tensors') return filesFor(model, reads, data ?? given);
  if (data !== undefined && given.length > 0)
    throw new UsageError('texts as arguments and --data are both there; give one of them');
  const named = data ?? filesAmong(given);
  if (named === undefined) {
    if (given.length === 0) return standardInput(config, { signal, onNote });
    const folder = given.find((text) => /[/\\]/.test(text) && isFolder(text));
    if (folder !== undefined) throw new UsageError(`${model} reads texts, and was given a folder: ${folder}`);
    for (const text of given)
      if (existsSync(text)) onNote(`${quote(text)} is taken as a text, though a file is called so`);
    return given;
  }
  // They are fetched where the data are opened.
  if (named.some(isRemote)) return { files: named };
  const files = await openFiles(named);
  if (files.every((file) => packKind(file) === 'texts')) return { files };
  const { promptColumn, messagesColumn } = config;
  const ofColumns = reads === 'questions' || (promptColumn ?? messagesColumn) !== undefined;
  if (ofColumns && files.every(isTable)) return { files };
  if (reads === 'words' && (await haveColumn(files, config.wordsColumn!, config))) return { files };
  const picture = files.find((file) => isPicture(file) || file.endsWith('.safetensors'));
  if (picture !== undefined) throw new UsageError(`${model} reads texts, and was given pictures: ${picture}`);
  return readFiles(files, named, config, { signal, onNote }).catch(whatIsRead(model, reads));
}

function filesFor(model: string, reads: Extract<Reads, 'pictures' | 'tensors'>, files: readonly string[]): Inputs {
  const what = `${model} reads ${reads}: give their files${reads === 'pictures' ? ' or a .safetensors file, folders or tables of them' : ''}`;
  if (files.length === 0) throw new UsageError(`nothing to label: ${what}, as arguments or with --data`);
  const none = files.find((file) => !isRemote(file) && !existsSync(file) && !isDynamicPattern(file));
  if (none !== undefined) throw new UsageError(`${what}; there is no file ${quote(none)}`);
  return { files };
}

/** Whether the first rows of all files are of tables with a column. */
async function haveColumn(files: readonly string[], column: string, config: InputsConfig): Promise<boolean> {
  for (const file of files) {
    if (!isTable(file)) return false;
    for await (const { row } of readRaw(file, { form: formOf(config) })) {
      if (!Object.hasOwn(row, column)) return false;
      break;
    }
  }
  return true;
}

const isFileOfTexts = (path: string): boolean =>
  isTable(path) || /\.txt$/i.test(path) || isPicture(path) || path.endsWith('.safetensors');

/**
 * The arguments as files, where that is what they are: they end as files do, and are there, or could be no sentence.
 * @throws UsageError where some are and others not
 */
function filesAmong(given: readonly string[]): readonly string[] | undefined {
  const isFile = (text: string): boolean =>
    isFileOfTexts(text) && (!/\s/.test(text) || (statSync(text, { throwIfNoEntry: false })?.isFile() ?? false));
  const files = given.filter(isFile);
  if (files.length === 0) return undefined;
  if (files.length === given.length) return files;
  const text = given.find((one) => !isFile(one))!;
  throw new UsageError(
    `${quote(files[0]!)} is a file, and ${quote(text)} a text: give either files or texts. A text that is called as a file goes through standard input.`,
  );
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Texts line by line; empty lines are none, and are counted. @throws DataError for what cannot be read or decoded */
async function linesOf(where: string, options: TextOptions & Reading): Promise<string[]> {
  const texts: string[] = [];
  let empty = 0;
  for await (const { text } of textBlocks(where, { ...options, note: options.onNote })) {
    const lines = text.split('\n');
    // What stands behind the last line break, where the text ends with one, is no line.
    if (lines.at(-1) === '') lines.pop();
    for (const line of lines) {
      if (line.trim()) texts.push(line.replace(/\r$/, ''));
      else empty++;
    }
  }
  options.signal.throwIfAborted();
  if (empty > 0) options.onNote(`${empty} empty ${empty === 1 ? 'line' : 'lines'} of ${where} left out`);
  return texts;
}

/** What arrives on standard input. @throws the signal's reason; DataError where it cannot be read */
async function* standardBytes(signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for await (const piece of addAbortSignal(signal, process.stdin)) yield Buffer.from(piece);
  } catch (error) {
    signal.throwIfAborted();
    throw new DataError(`standard input cannot be read: ${(error as Error).message}`);
  }
}

async function standardInput(config: InputsConfig, reading: Reading): Promise<Inputs> {
  if (process.stdin.isTTY)
    throw new UsageError('nothing to label: give texts as arguments, a file with --data, or lines on standard input');
  const pieces = () => standardBytes(reading.signal);
  const texts = await linesOf('standard input', { ...reading, form: formOf(config), pieces });
  if (texts.length === 0) throw new UsageError('nothing to label: standard input holds no text');
  return texts;
}

async function readFiles(
  files: readonly string[],
  patterns: readonly string[],
  config: InputsConfig,
  { signal, onNote }: Reading,
): Promise<Inputs> {
  const columns = textColumns({ textColumn: config.textColumn, pairColumn: config.pairColumn });
  const reading = { signal, columns: columnNames(columns), form: formOf(config), note: onNote };
  const input: TextInput[] = [];
  for (const file of files) {
    if (/\.txt$/i.test(file)) {
      for (const line of await linesOf(file, { signal, onNote, form: formOf(config) })) input.push(line);
      continue;
    }
    for await (const raw of readRaw(file, reading)) {
      const { text, pair } = toRecord(raw, file, columns).values as { text: string; pair?: string };
      input.push(pair === undefined ? text : { text, pair });
    }
  }
  if (input.length === 0) throw new DataError(`data file ${patterns.join(', ')} holds no records`);
  return input;
}
