import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  chosenInstructionSet,
  defaultThreads,
  disableRuntimeTelemetry,
  hubEndpoint,
  modelCache,
} from '#ortune/environment.js';
import { UsageError } from '#ortune/errors.js';
import { coreThreads } from '#ortune/machine.js';

const before = { ...process.env };
afterEach(() => {
  for (const name of [
    'ORTUNE_THREADS',
    'ORTUNE_INSTRUCTION_SET',
    'ORT_DISABLE_TELEMETRY',
    'ORTUNE_CACHE',
    'XDG_CACHE_HOME',
    'HF_ENDPOINT',
  ]) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

test('threads default to ORTUNE_THREADS, else to the processors of this process', () => {
  process.env.ORTUNE_THREADS = '3';
  expect(defaultThreads()).toBe(3);
  process.env.ORTUNE_THREADS = '';
  expect(defaultThreads()).toBe(coreThreads());
});

test.each(['0', '2.5', 'all', '-1', '5000'])('ORTUNE_THREADS=%s is refused', (value) => {
  process.env.ORTUNE_THREADS = value;
  expect(defaultThreads).toThrow(UsageError);
  expect(defaultThreads).toThrow(`ORTUNE_THREADS must be a whole number from 1 to 1024, found '${value}'`);
});

test('the instruction set is the one of ORTUNE_INSTRUCTION_SET, where it names one', () => {
  process.env.ORTUNE_INSTRUCTION_SET = 'avx2';
  expect(chosenInstructionSet()).toBe('avx2');
  process.env.ORTUNE_INSTRUCTION_SET = '';
  expect(chosenInstructionSet()).toBeUndefined();
});

test("the runtime's telemetry is off unless somebody turned it on", () => {
  delete process.env.ORT_DISABLE_TELEMETRY;
  disableRuntimeTelemetry();
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe('1');
  process.env.ORT_DISABLE_TELEMETRY = '0';
  disableRuntimeTelemetry();
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe('0');
});

test("hub models are kept in ORTUNE_CACHE, else in the user's cache", () => {
  process.env.ORTUNE_CACHE = 'models';
  expect(modelCache()).toBe(resolve('models'));
  process.env.ORTUNE_CACHE = '';
  process.env.XDG_CACHE_HOME = '/var/cache/me';
  expect(modelCache()).toBe('/var/cache/me/ortune/models');
  delete process.env.XDG_CACHE_HOME;
  expect(modelCache()).toBe(join(homedir(), '.cache/ortune/models'));
});

test('they come from HF_ENDPOINT, else from the hub', () => {
  delete process.env.HF_ENDPOINT;
  expect(hubEndpoint()).toBe('https://huggingface.co/');
  process.env.HF_ENDPOINT = 'http://mirror.example/hub//';
  expect(hubEndpoint()).toBe('http://mirror.example/hub/');
  process.env.HF_ENDPOINT = 'http://';
  expect(hubEndpoint).toThrow("HF_ENDPOINT must be a URL that begins with http:// or https://, found 'http://'");
});
