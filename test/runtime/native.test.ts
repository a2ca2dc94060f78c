// The addon's own checks, which stand behind the friendlier ones of session.ts, and what happens when the addon or the
// runtime is missing or is not what it should be.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedArray, sharedTensor } from '#ortune/runtime/arena.js';
import { runtimeLibrary } from '#ortune/runtime/library.js';
import { addon, type NativeSpec, type NativeTensor } from '#ortune/runtime/native.js';
import { childResult } from '../support/children.js';
import { linear } from './graphs.js';

const float32 = 1;
const spec = (changed: Partial<NativeSpec> = {}): NativeSpec => ({
  model: linear(),
  constants: [],
  inputs: [],
  inPlace: [],
  outputs: [],
  profile: '',
  optimization: 99,
  threads: 1,
  ...changed,
});
const tensor = (changed: Partial<NativeTensor> = {}): NativeTensor => ({
  name: 'x',
  type: float32,
  shape: [4, 3],
  data: sharedArray('float32', 12),
  ...changed,
});

describe('ORTUNE_INSTRUCTION_SET', () => {
  const inUse = (name: string) => {
    const script = "import { addon } from './dist/runtime/native.js'; console.log(addon().instructionSet());";
    const env = { ...process.env, ORTUNE_INSTRUCTION_SET: name };
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
  };

  test.each(addon().instructionSets())('%s chooses these kernels', (name) => {
    expect(inUse(name).stdout).toBe(`${name}\n`);
  });

  test('is refused where the processor lacks it', () => {
    const here = addon().instructionSets().join(', ');
    expect(inUse('mmx').stderr).toContain(`ORTUNE_INSTRUCTION_SET must be one of ${here} on this machine, found 'mmx'`);
  });
});

describe('the addon refuses', () => {
  const create = async (inputs: NativeTensor[]) => addon().createSession(runtimeLibrary(), spec({ inputs }));

  test.each<[string, Partial<NativeTensor>, string]>([
    ['fewer bytes than the shape needs', { data: sharedArray('float32', 11) }, 'needs 48 bytes and was given 44'],
    ['a shape whose size overflows', { shape: [2 ** 40, 2 ** 40] }, "tensor 'x' has an impossible shape"],
    ['a negative dimension', { shape: [-4, -3] }, "tensor 'x' has an impossible shape"],
    ['strings', { type: 8 }, "tensor 'x' has an element type that cannot be bound"],
    ['memory that could be transferred away', { data: new Float32Array(12) }, 'must be a view of a SharedArrayBuffer'],
    ['what is no typed array', { data: [1, 2, 3] as never }, "tensor 'x': data is not a typed array"],
    ['another shape than the graph has', { shape: [3, 4] }, 'the graph has element type 1, shape [4,3]'],
    ['a name the graph lacks', { name: 'q' }, "the graph has no input 'q'"],
  ])('%s', async (_, changed, message) => {
    await expect(create([tensor(changed)])).rejects.toThrow(message);
  });

  test('the address of what has none', () => {
    expect(() => addon().misalignment({} as never)).toThrow('expected a typed array');
  });

  test('an instruction set that the processor lacks', () => {
    const lacking = process.arch === 'arm64' ? 'avx2' : 'neon';
    expect(() => addon().useInstructionSet(lacking)).toThrow(`no kernels for the instruction set '${lacking}'`);
  });

  test('a second library beside the one it has opened', async () => {
    await addon().openDevice(runtimeLibrary(), 1);
    await expect(addon().openDevice('/elsewhere/libonnxruntime.so.1', 1)).rejects.toThrow(
      /already uses the ONNX Runtime at .*onnxruntime-node.* and was asked to use \/elsewhere/,
    );
  });

  test('a released session', async () => {
    const { handle } = await addon().createSession(runtimeLibrary(), spec());
    await addon().release(handle);
    expect(() => addon().run(handle, [], [])).toThrow('the session was released');
    expect(() => addon().release(handle)).toThrow('the session was released');
  });
});

test('numbers too small to be normal are zero on every thread', async () => {
  const results: number[] = [];
  for (const threads of [1, 2]) {
    const { handle } = await addon().createSession(runtimeLibrary(), spec({ threads }));
    const y = sharedTensor('float32', [4, 2]).data as Float32Array;
    const x = sharedArray('float32', 12).fill(1e-30 as never) as Float32Array;
    const w = sharedArray('float32', 6).fill(1e-10 as never) as Float32Array;
    const inputs = [
      tensor({ data: x }),
      tensor({ name: 'w', shape: [3, 2], data: w }),
      tensor({ name: 'b', shape: [2], data: sharedArray('float32', 2) }),
    ];
    await addon().run(handle, inputs, [tensor({ name: 'y', shape: [4, 2], data: y })]);
    results.push(...y);
    await addon().release(handle);
  }
  expect(results).toEqual(new Array(16).fill(0));
});

describe('a library is refused with its path when it', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ortune-library-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const open = async (library: string): Promise<string> =>
    (await childResult<{ message: string }>('open-library.mjs', [library])).message;

  /** A library whose OrtGetApiBase gives this table. */
  function compile(name: string, table: string): string {
    const source = path.join(folder, `${name}.cc`);
    const library = path.join(folder, `${name}.so`);
    writeFileSync(
      source,
      `static void* nothing() { return 0; }
       static void** table() { static void* slots[420]; for (void*& s : slots) s = (void*)nothing; return slots; }
       static const void* get_api(unsigned) { return ${table}; }
       static const char* version() { return "0.9.0"; }
       struct Base { const void* (*get)(unsigned); const char* (*version)(); };
       static const Base base = {get_api, version};
       extern "C" const Base* OrtGetApiBase() { return &base; }`,
    );
    execFileSync('c++', ['-shared', '-fPIC', '-o', library, source]);
    return library;
  }

  test('is not there', async () => {
    expect(await open(path.join(folder, 'missing.so'))).toContain(path.join(folder, 'missing.so'));
  });

  test('is something else', async () => {
    const other = fileURLToPath(new URL('../../build/Release/ortune.node', import.meta.url));
    expect(await open(other)).toBe(`${other} does not export OrtGetApiBase`);
  });

  test('is too old', async () => {
    const library = compile('old', '0');
    expect(await open(library)).toContain(`ONNX Runtime 0.9.0 at ${library} has no C API version 24`);
  });

  test('has another table', async () => {
    const library = compile('other', 'table()');
    expect(await open(library)).toContain(
      `${library} does not fit ortune: a tensor written through its function table did not read back`,
    );
  });
});
