import { availableParallelism } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { defaultThreads, disableRuntimeTelemetry } from '#ortune/environment.js';
import { UsageError } from '#ortune/errors.js';

const before = { ...process.env };
afterEach(() => {
  for (const name of ['ORTUNE_THREADS', 'ORT_DISABLE_TELEMETRY']) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

test('threads default to ORTUNE_THREADS, else to the processors of this process', () => {
  process.env.ORTUNE_THREADS = '3';
  expect(defaultThreads()).toBe(3);
  process.env.ORTUNE_THREADS = '';
  expect(defaultThreads()).toBe(availableParallelism());
});

test.each(['0', '2.5', 'all', '-1', '5000'])('ORTUNE_THREADS=%s is refused', (value) => {
  process.env.ORTUNE_THREADS = value;
  expect(defaultThreads).toThrow(UsageError);
  expect(defaultThreads).toThrow(`ORTUNE_THREADS must be a whole number from 1 to 1024, found '${value}'`);
});

test("the runtime's telemetry is off unless somebody turned it on", () => {
  delete process.env.ORT_DISABLE_TELEMETRY;
  disableRuntimeTelemetry();
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe('1');
  process.env.ORT_DISABLE_TELEMETRY = '0';
  disableRuntimeTelemetry();
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe('0');
});
