// The teacher of a run that distils: a saved model, run by the stock session on the very batches that the run trains
// on, whose logits are fed to the loss. It is run for every step anew: what it says of a text then depends on nothing
// but the batch, and a resumed run goes on with the same bits.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { TrainConfig } from '../config/train-schema.js';
import { listed } from '../data/labels.js';
import type { Batch } from '../data/loader.js';
import { openSavedModel, type SavedModel } from '../engine/saved-model.js';
import { UsageError } from '../errors.js';
import type { ResolveOptions } from '../models/hub.js';
import { quote } from '../quote.js';
import type { LoadedFor, TaskSpec } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import { teacherLogits } from '../tasks/teacher.js';

/** What a teacher has to fit. */
export interface Student extends Pick<LoadedFor, 'inputs' | 'labels' | 'directory'> {
  batchSize: number;
  /** Longest text in tokens. */
  maxLength: number | undefined;
}

export class Teacher {
  readonly #model: SavedModel;
  readonly #task: TaskSpec;
  /** Of each of the run's classes the teacher's column. */
  readonly #columns: readonly number[];

  private constructor(model: SavedModel, task: TaskSpec, columns: readonly number[]) {
    this.#model = model;
    this.#task = task;
    this.#columns = columns;
  }

  /** @throws UsageError for a model that says nothing of the student's classes and texts; ModelError for none at all */
  static async open(config: TrainConfig, student: Student, resolving: ResolveOptions): Promise<Teacher> {
    const { teacher, task: name, threads, maxGraphMemory, maxDownloadBytes } = config;
    const opening = { model: teacher!, task: name, threads, maxGraphMemory, maxDownloadBytes };
    const model = await openSavedModel(opening, resolving);
    try {
      const { ofModel, options } = taskNamed(name);
      const read = { task: name, ...ofModel?.(model, { task: name }) };
      const reading = 'reading' in read ? read.reading : undefined;
      if (reading !== 'classes' && reading !== 'binary') throw refused(model, 'it is no model of one class a text');
      refuseOtherInputs(model, student);
      refuseOtherTokenizer(model, student);
      return new Teacher(model, { name, options: options(read) }, columnsOf(model, student.labels));
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  /** SHA-256 in hex over its files. */
  hash(): string {
    return this.#model.hash();
  }

  /** Writes what it says of the samples into the batch. */
  async teach(batch: Batch): Promise<void> {
    const { logits } = await this.#model.run('predict', this.#task, batch);
    const [rows, columns] = logits!.shape as [number, number];
    const target = batch.inputs.get(teacherLogits)!.data as Float32Array;
    const classes = this.#columns.length;
    for (let row = 0; row < rows; row++)
      for (const [i, column] of this.#columns.entries())
        target[row * classes + i] = (logits!.data as Float32Array)[row * columns + column]!;
  }

  close(): Promise<void> {
    return this.#model.close();
  }
}

const refused = ({ path }: Pick<SavedModel, 'path'>, why: string): UsageError =>
  new UsageError(`option 'teacher': ${path} cannot teach this run: ${why}`);

/** Columns by the names of classes. */
function columnsOf(model: SavedModel, labels: readonly string[]): number[] {
  const missing = labels.filter((label) => !model.labels.includes(label));
  if (missing.length > 0 || model.labels.length !== labels.length)
    throw refused(
      model,
      `its labels are ${model.labels.length > 0 ? listed(model.labels) : 'not named (id2label in config.json)'}, and those of the run ${listed(labels)}`,
    );
  return labels.map((label) => model.labels.indexOf(label));
}

/** What it reads is what the student's batches hold. */
function refuseOtherInputs(model: SavedModel, { inputs, batchSize, maxLength = 0 }: Student): void {
  for (const { name, dtype, shape } of model.inputs) {
    const own = inputs.find((input) => input.name === name);
    if (!own || own.dtype !== dtype)
      throw refused(
        model,
        `it reads ${quote(name)} (${dtype}), and the batches of the model hold ${inputs.map((one) => `${quote(one.name)} (${one.dtype})`).join(', ')}`,
      );
    const [rows, ...others] = shape ?? [];
    if (typeof rows === 'number' && rows !== batchSize)
      throw refused(model, `its file takes batches of ${rows} samples alone; set batchSize to ${rows}`);
    const fixed = others.find((length) => typeof length === 'number');
    if (fixed !== undefined) throw refused(model, `its file takes texts of ${fixed} tokens alone`);
  }
  if (model.maxPositions < maxLength)
    throw refused(
      model,
      `it takes ${model.maxPositions} tokens, and texts may have ${maxLength}: set maxLength to ${model.maxPositions}`,
    );
}

/** The same text is to be the same tokens to both. */
function refuseOtherTokenizer(model: SavedModel, { directory }: Student): void {
  const [own, its] = [directory, model.directory].map(tokenizerOf);
  if (own && its && isDeepStrictEqual(own, its)) return;
  throw refused(
    model,
    its && own
      ? `its tokenizer.json is not that of ${directory}, so its tokens mean other words`
      : `there is no tokenizer.json in ${own ? model.directory : directory}, so it is not known that their tokens are the same`,
  );
}

/** What of a tokenizer decides which tokens a text has: not how batches are padded and cut. */
function tokenizerOf(directory: string): object | undefined {
  const file = join(directory, 'tokenizer.json');
  if (!existsSync(file)) return undefined;
  const { padding: _, truncation: __, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  return rest;
}
