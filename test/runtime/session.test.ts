import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OrtuneError, UsageError } from '#ortune/errors.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type Session, type TensorView } from '#ortune/runtime/session.js';
import { convolution, deep, linear } from './graphs.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

function tensor(shape: number[], values: ArrayLike<number>, dtype: DataType = 'float32'): TensorView {
  const view = sharedTensor(dtype, shape);
  view.data.set(values as never);
  return view;
}
const none: ReadonlyMap<string, TensorView> = new Map();
const x = tensor(
  [4, 3],
  Array.from({ length: 12 }, (_, i) => i),
);
const w = tensor([3, 2], [0, 1, 2, 3, 4, 5]);
const expected = [10, 33, 28, 60, 46, 87, 64, 114]; // x·w + [0, 20]

describe('a session', () => {
  test('reads parameters and writes outputs where they lie', async () => {
    const parameters = Arena.create(
      Arena.layout([
        { name: 'w', shape: [3, 2] },
        { name: 'b', shape: [2] },
      ]),
    );
    const results = Arena.create(Arena.layout([{ name: 'y', shape: [4, 2] }]));
    parameters.array('w').set(w.data as Float32Array);
    parameters.array('b').set([0, 20]);
    const bound = {
      inputs: new Map(['w', 'b'].map((name) => [name, parameters.view(name)])),
      outputs: new Map([['y', results.view('y')]]),
    };
    const session = await device.createSession({ model: linear(), bound });
    await session.run(new Map([['x', x]]), none);
    expect([...results.array('y')]).toEqual(expected);

    parameters.array('b').set([1, 21]);
    await session.run(new Map([['x', x]]), none);
    expect([...results.array('y')]).toEqual(expected.map((v) => v + 1));
    await session.release();
  });

  test('takes the data of frozen weights from outside the model', async () => {
    const session = await device.createSession({ model: linear({ frozen: true }), constants: new Map([['w', w]]) });
    const y = sharedTensor('float32', [4, 2]);
    await session.run(
      new Map([
        ['x', x],
        ['b', tensor([2], [0, 20])],
      ]),
      new Map([['y', y]]),
    );
    expect([...(y.data as Float32Array)]).toEqual(expected);
    await session.release();
  });

  test('lets the runtime lay a frozen filter out anew', async () => {
    const filter = tensor(
      [32, 16, 3, 3],
      Array.from({ length: 4608 }, (_, i) => Math.sin(i)),
    );
    const image = tensor(
      [1, 16, 8, 8],
      Array.from({ length: 1024 }, (_, i) => Math.cos(i)),
    );
    const results: number[][] = [];
    for (const optimization of ['none', 'all'] as const) {
      const session = await device.createSession({
        model: convolution(),
        constants: new Map([['w', filter]]),
        optimization,
      });
      const y = sharedTensor('float32', [1, 32, 8, 8]);
      await session.run(new Map([['x', image]]), new Map([['y', y]]));
      results.push([...(y.data as Float32Array)]);
      await session.release();
    }
    expect(Math.max(...results[0]!)).toBeGreaterThan(0.5);
    for (const [i, value] of results[0]!.entries()) expect(results[1]![i]).toBeCloseTo(value, 4);
  });

  test.each(['none', 'basic', 'extended', 'all'] as const)(
    'gives the same numbers at optimization %s',
    async (optimization) => {
      const session = await device.createSession({ model: linear(), optimization });
      const y = sharedTensor('float32', [4, 2]);
      const inputs = new Map([
        ['x', x],
        ['w', w],
        ['b', tensor([2], [0, 20])],
      ]);
      await session.run(inputs, new Map([['y', y]]));
      expect([...(y.data as Float32Array)]).toEqual(expected);
      await session.release();
    },
  );

  test('finishes runs asked for before a release and refuses those after it', async () => {
    const session = await device.createSession({ model: linear() });
    const y = sharedTensor('float32', [4, 2]);
    const inputs = new Map([
      ['x', x],
      ['w', w],
      ['b', tensor([2], [0, 20])],
    ]);
    const outputs = new Map([['y', y]]);
    const runs = [session.run(inputs, outputs), session.run(inputs, outputs)];
    const released = [session.release(), session.release()];
    await expect(session.run(inputs, outputs)).rejects.toThrow('the session was released');
    await Promise.all([...runs, ...released]);
    expect([...(y.data as Float32Array)]).toEqual(expected);
  });

  test('has the same bits with one thread and with two', async () => {
    const single = await openDevice('cpu', { threads: 1 });
    expect(single.sharedThreads).toBe(false);
    const values = Array.from({ length: 256 * 256 }, (_, i) => Math.sin(i) / 8);
    const inputs = new Map([
      ['x', tensor([256, 256], values)],
      ['w', tensor([256, 256], values.reverse())],
    ]);
    const results: Float32Array[] = [];
    for (const one of [device, single]) {
      const session = await one.createSession({ model: deep({ rows: 256, width: 256, layers: 3 }) });
      const y = sharedTensor('float32', [256]);
      await session.run(inputs, new Map([['y', y]]));
      results.push(y.data as Float32Array);
    }
    await single.close();
    expect(results[0]!.some((v) => v !== 0)).toBe(true);
    expect(Buffer.from(results[0]!.buffer, results[0]!.byteOffset, 1024)).toEqual(
      Buffer.from(results[1]!.buffer, results[1]!.byteOffset, 1024),
    );
  });

  test('writes its profile to the file asked for', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'ortune-profile-'));
    const profile = path.join(folder, 'step.json');
    const session = await device.createSession({ model: linear(), profile });
    const inputs = new Map([
      ['x', x],
      ['w', w],
      ['b', tensor([2], [0, 20])],
    ]);
    await session.run(inputs, new Map([['y', sharedTensor('float32', [4, 2])]]));
    await session.release();
    const events = JSON.parse(readFileSync(profile, 'utf8')) as { args?: { op_name?: string } }[];
    rmSync(folder, { recursive: true });
    expect(events.some((event) => event.args?.op_name)).toBe(true);
  });
});

describe('what does not fit is refused by name:', () => {
  let session: Session;
  beforeAll(async () => {
    session = await device.createSession({ model: linear(), bound: { inputs: new Map([['w', w]]), outputs: none } });
  });
  const b = tensor([2], [0, 20]);
  const y = sharedTensor('float32', [4, 2]);
  const run = (inputs: Record<string, TensorView>, outputs: Record<string, TensorView> = { y }): Promise<void> =>
    session.run(new Map(Object.entries(inputs)), new Map(Object.entries(outputs)));

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'an element type',
      () => run({ x: tensor([4, 3], [1], 'int32'), b }),
      "input 'x' must be float32 [4, 3], found int32 [4, 3]",
    ],
    [
      'a shape',
      () => run({ x: sharedTensor('float32', [3, 4]), b }),
      "input 'x' must be float32 [4, 3], found float32 [3, 4]",
    ],
    [
      'a length',
      () => run({ x: { ...x, shape: [4, 4] }, b }),
      "tensor 'x' (float32 [4, 4]) needs 64 bytes, its array has 48",
    ],
    ['an unknown input', () => run({ x, b, z: x }), "the graph has no input 'z'; its inputs are x, w, b"],
    ['an unknown output', () => run({ x, b }, { y, z: y }), "the graph has no output 'z'; its outputs are y"],
    ['a missing input', () => run({ x }), "input 'b' is missing"],
    ['a missing output', () => run({ x, b }, {}), "output 'y' is missing"],
    [
      'memory that could be transferred away',
      () => run({ x: { ...x, data: new Float32Array(12) }, b }),
      "tensor 'x' must be a view of a SharedArrayBuffer",
    ],
  ])('%s of a run', async (_, run, message) => {
    const refused = run();
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
  });

  test.each<[string, Parameters<Device['createSession']>[0], string]>([
    ['a damaged model', { model: linear().subarray(0, 40) }, 'the runtime does not accept the graph'],
    [
      'a frozen weight whose data is not given',
      { model: linear({ frozen: true }) },
      'the runtime does not accept the graph',
    ],
    [
      'data for a constant the graph lacks',
      { model: linear(), constants: new Map([['v', w]]) },
      'the runtime does not accept the graph',
    ],
    [
      'a bound tensor of another shape',
      { model: linear(), bound: { inputs: new Map([['w', x]]), outputs: none } },
      "'w': the graph has element type 1, shape [3,2], given was element type 1, shape [4,3]",
    ],
    [
      'a bound tensor off the 64-byte boundary',
      {
        model: linear(),
        bound: {
          inputs: new Map([
            ['b', { dtype: 'float32', shape: [2], data: (x.data as Float32Array).subarray(1, 3) } as TensorView],
          ]),
          outputs: none,
        },
      },
      "'b': data must be aligned to 64 bytes",
    ],
    [
      'a bound name the graph lacks',
      { model: linear(), bound: { inputs: none, outputs: new Map([['q', y]]) } },
      "the graph has no output 'q'",
    ],
  ])('%s', async (_, spec, message) => {
    const refused = device.createSession(spec);
    await expect(refused).rejects.toThrow(OrtuneError);
    await expect(refused).rejects.toThrow(message);
  });

  test.each([0, 1.5, 5000])('%d threads', async (threads) => {
    await expect(openDevice('cpu', { threads })).rejects.toThrow(
      `threads must be a whole number from 1 to 1024, found ${threads}`,
    );
  });
});

test('a device says what it has', () => {
  expect(device.version).toMatch(/^1\.\d+\.\d+$/);
  expect(device.threads).toBe(2);
  expect(device.sharedThreads && device.sharedMemory).toBe(true);
  expect(device.kernels).toContain('com.microsoft.FusedMatMul');
});
