// Reading a model file with the data of large tensors apart: what is decoded is the same, and files that are laid out
// otherwise, or cut, are left to be read as a whole.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { openModel } from '#ortune/onnx/load.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { readApart } from '#ortune/onnx/read-file.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, linear } from './support.js';

const directory = temporaryDirectory();
const large = Tensor.of('float32', { length: 30_000 }, [10_000, 3]);
const proto = linear(
  initializer(
    'w',
    Tensor.of(
      'float32',
      (large.data() as Float32Array).map((_, i) => i / 7),
      [10_000, 3],
    ),
  ),
  initializer('b', floats([1, 2, 3])),
);
const bytes = toBinary(ModelProtoSchema, proto);
const file = (name: string, content: Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

it('gives large data memory of its own, shared, and the rest as it was', () => {
  const path = file('model.onnx', bytes);
  const parts = readApart(path)!;
  expect([...parts.data.keys()]).toEqual([0]);
  expect(parts.message.byteLength).toBeLessThan(1000);
  const rest = fromBinary(ModelProtoSchema, parts.message);
  rest.graph!.initializer[0]!.rawData = parts.data.get(0) as Uint8Array<ArrayBuffer>;
  expect(Buffer.from(toBinary(ModelProtoSchema, rest)).equals(bytes)).toBe(true);
  const [w, b] = openModel(path).proto.graph!.initializer;
  expect(w!.rawData.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(b!.rawData.buffer).not.toBeInstanceOf(SharedArrayBuffer);
});

it.each([
  ['is cut', bytes.subarray(0, bytes.length - 1)],
  ['has a field of an unknown kind', Uint8Array.of(7)],
  ['has a number without end', new Uint8Array(12).fill(255)],
  ['has two graphs', Buffer.concat([bytes, bytes])],
])('leaves a file alone that %s', (_, content) => {
  expect(readApart(file('odd.onnx', content))).toBeUndefined();
});
