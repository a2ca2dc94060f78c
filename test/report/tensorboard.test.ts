import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventSchema } from '#ortune/report/tensorboard/event_pb.js';
import { EVENT_FILE, EventFile } from '#ortune/report/tensorboard/event-file.js';
import { maskedCrc } from '#ortune/report/tensorboard/record.js';
import { scalarsOf } from '#ortune/report/tensorboard/scalars.js';

const golden = (name: string) => readFileSync(new URL(`../fixtures/tensorboard/${name}`, import.meta.url));
const STARTED_MS = 1700000000250;
const TORN = 7;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ortune-events-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

type Told = [step: number, scalars: Record<string, number>];
const step = (n: number, loss: number): Told => [n, { 'train/loss': loss, 'memory/rss_bytes': 123456789 + n }];

/** A file as test/fixtures/tensorboard/make.py makes it: an event per entry, a second apart. */
async function written(startedMs: number, startStep: number, told: Told[]): Promise<Buffer> {
  const file = EventFile.create(directory, { startStep, wallTimeMs: startedMs });
  for (const [i, [n, scalars]] of told.entries()) file.scalars(n, scalars, startedMs + (i + 1) * 1000);
  await file.close();
  expect(file.failure).toBeUndefined();
  return readFileSync(file.path);
}

/** The events of a file, its framing checked. */
function decoded(bytes: Buffer) {
  const events = [];
  for (let at = 0; at < bytes.length; ) {
    const data = bytes.subarray(at + 12, at + 12 + Number(bytes.readBigUInt64LE(at)));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc(bytes.subarray(at, at + 8)));
    expect(bytes.readUInt32LE(at + 12 + data.length)).toBe(maskedCrc(data));
    events.push(fromBinary(EventSchema, data));
    at += 16 + data.length;
  }
  return events;
}

describe('an event file', () => {
  it("has the bytes of TensorBoard's own writer", async () => {
    const told = [step(1, 0.75), step(2, 0), [2, { 'eval/f1': 0.1 }] as Told, step(3, Number.NaN), step(4, 9)];
    const killed = await written(STARTED_MS, 0, told);
    expect(killed.subarray(0, -TORN).equals(golden('killed.tfevents'))).toBe(true);
  });

  it("has the bytes of TensorBoard's own writer where a run goes on", async () => {
    const told = [step(3, -0.5), step(300, 1e-30), [300, { 'eval/macro/f1': 1 }] as Told];
    const resumed = await written(STARTED_MS + 60_000, 3, told);
    expect(resumed.equals(golden('resumed.tfevents'))).toBe(true);
  });

  it('decodes to what was told', async () => {
    const events = decoded(await written(STARTED_MS, 5, [step(5, 0.25)]));
    expect(events.map((event) => [event.wallTime, event.step])).toEqual([
      [1700000000.25, 0n],
      [1700000000.25, 5n],
      [1700000001.25, 5n],
    ]);
    expect(events[0]!.what).toEqual({ case: 'fileVersion', value: 'brain.Event:2' });
    expect(events[1]!.what).toMatchObject({ case: 'sessionLog', value: { status: 1 } });
    expect(events[2]!.what).toMatchObject({
      case: 'summary',
      value: {
        value: [
          { tag: 'train/loss', value: { case: 'simpleValue', value: 0.25 } },
          { tag: 'memory/rss_bytes', value: { case: 'simpleValue', value: 123456792 } },
        ],
      },
    });
  });

  it('tells nothing where there are no scalars', async () => {
    expect(decoded(await written(STARTED_MS, 0, [[1, {}]]))).toHaveLength(2);
  });

  it('comes after every file of its directory by name, also within one second', async () => {
    writeFileSync(join(directory, 'events.out.tfevents.1700000007.elsewhere.99999.0'), '');
    const files = [1, 2, 3].map(() => EventFile.create(directory, { wallTimeMs: STARTED_MS }));
    for (const file of files) await file.close();
    const names = readdirSync(directory).sort();
    expect(names.map((name) => EVENT_FILE.exec(name)![1])).toEqual([
      '1700000007',
      '1700000008',
      '1700000009',
      '1700000010',
    ]);
    expect(files.map((file) => file.path)).toEqual(names.slice(1).map((name) => join(directory, name)));
    expect(names[1]).toMatch(new RegExp(`^events\\.out\\.tfevents\\.1700000008\\.[\\w.-]+\\.${process.pid}\\.\\d+$`));
  });

  it('cannot be made where there is no directory', () => {
    expect(() => EventFile.create(join(directory, 'none'))).toThrow(/ENOENT/);
  });
});

describe('the checksum', () => {
  // The check value of CRC-32C (RFC 3720) is e3069283 for these digits; masked by hand.
  it('is the masked CRC-32C', () => {
    const crc = 0xe3069283n;
    const masked = (((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn;
    expect(BigInt(maskedCrc(Buffer.from('123456789')))).toBe(masked);
  });
});

describe('what TensorBoard is told of', () => {
  it('is loss, rate, norm, throughput and memory of a step', () => {
    const values = {
      step: 3,
      epoch: 1,
      loss: 0.5,
      learningRate: 1e-3,
      gradNorm: 2,
      samplesPerSecond: 9,
      secondsLeft: 4,
    };
    expect(scalarsOf('step', values, () => 1e9)).toEqual({
      'train/loss': 0.5,
      'train/learning_rate': 1e-3,
      'train/grad_norm': 2,
      'train/samples_per_second': 9,
      'memory/rss_bytes': 1e9,
    });
  });

  it('is every number of an evaluation, by the name of its data', () => {
    const metrics = {
      samples: 8,
      loss: 0.5,
      f1: 0.25,
      macro: { precision: 0.1, f1: 0.2 },
      positive: 'spam',
      classes: [{ f1: 1 }],
      confusion: [[1]],
    };
    expect(scalarsOf('evaluation', { name: 'test', step: 3, metrics }, () => 1)).toEqual({
      'test/loss': 0.5,
      'test/f1': 0.25,
      'test/macro/precision': 0.1,
      'test/macro/f1': 0.2,
    });
  });

  it('is nothing of other events', () => {
    expect(scalarsOf('warning', { message: 'late' }, () => 1)).toEqual({});
  });
});
