// A TensorBoard event file: scalars by tag and step, as TensorBoard and its tools read them. A directory may hold
// several; TensorBoard reads them in the order of their names and shows them as one run. Each begins by voiding what
// earlier files say of its first step and later ones: the steps of a killed run that a resumed one does again.
// Nothing but scalars is written.

import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AppendFile } from '../../files/append-file.js';
import { EventSchema, SessionLog_SessionStatus } from './event_pb.js';
import { frame } from './record.js';

/** The names of event files; the number is the second of their making. */
export const EVENT_FILE = /^events\.out\.tfevents\.(\d+)\./;

const FILE_VERSION = 'brain.Event:2';

let made = 0;

/**
 * events.out.tfevents.<seconds>.<host>.<process>.<n>, where the seconds are later than those of every file in the
 * directory: a run killed and resumed within a second must still come after itself.
 */
function nextName(directory: string, wallTimeMs: number): string {
  const taken = readdirSync(directory).map((name) => Number(EVENT_FILE.exec(name)?.[1] ?? 0));
  const seconds = taken.reduce((latest, second) => Math.max(latest, second + 1), Math.floor(wallTimeMs / 1000));
  const host = hostname().replace(/[^\w.-]/g, '_') || 'localhost';
  return `events.out.tfevents.${String(seconds).padStart(10, '0')}.${host}.${process.pid}.${made++}`;
}

export class EventFile {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /**
   * Makes a file in `directory`, which exists. `startStep`: the first step it will contain; what the directory's
   * earlier files have from there on no longer counts. Default 0: nothing of them counts.
   * @throws the system's error when the file cannot be made
   */
  static create(
    directory: string,
    { startStep = 0, wallTimeMs = Date.now() }: { startStep?: number; wallTimeMs?: number } = {},
  ): EventFile {
    const file = new EventFile(new AppendFile(join(directory, nextName(directory, wallTimeMs)), { exclusive: true }));
    file.#add(wallTimeMs, 0, { case: 'fileVersion', value: FILE_VERSION });
    file.#add(wallTimeMs, startStep, { case: 'sessionLog', value: { status: SessionLog_SessionStatus.START } });
    return file;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Why the file is incomplete; undefined while all is well. */
  get failure(): Error | undefined {
    return this.#file.failure;
  }

  /**
   * Adds values by tag ('train/loss') at `step`; stored as float32. `wallTimeMs`: milliseconds since 1970, default now.
   */
  scalars(step: number, values: Readonly<Record<string, number>>, wallTimeMs: number = Date.now()): void {
    const value = Object.entries(values).map(([tag, scalar]) => ({
      tag,
      value: { case: 'simpleValue' as const, value: Math.fround(scalar) },
    }));
    if (value.length > 0) this.#add(wallTimeMs, step, { case: 'summary', value: { value } });
  }

  /** Resolves when all that was added is on the disk, or the file has failed. */
  flush(): Promise<void> {
    return this.#file.flush();
  }

  /** Writes what is left; never rejects. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #add(wallTimeMs: number, step: number, what: MessageInitShape<typeof EventSchema>['what']): void {
    const event = create(EventSchema, { wallTime: wallTimeMs / 1000, step: BigInt(step), what: what! });
    this.#file.append(frame(toBinary(EventSchema, event)));
  }
}
