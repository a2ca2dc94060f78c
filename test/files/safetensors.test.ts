import { describe, expect, test } from 'vitest';
import { DataError } from '#ortune/errors.js';
import { CutFile, decodeHeader, encodeHeader, headerLength, prefixBytes } from '#ortune/files/safetensors.js';

const tensors = [
  { name: 'weight', shape: [2, 3] },
  { name: '0', shape: [4] },
  { name: '__proto__', shape: [] },
  { name: 'a "b" \\ {ü}', shape: [0, 7] },
];

const decode = (json: string, dataBytes: number) => decodeHeader(Buffer.from(json), 'x.safetensors', dataBytes);
const tensor = (more: object) => JSON.stringify({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...more } });

describe('a header', () => {
  test('gives every tensor its place in the order they were given', () => {
    const bytes = encodeHeader(tensors, { writer: 'ortune' });
    const length = headerLength(bytes.subarray(0, 8), 'x', bytes.length + 44);
    expect(prefixBytes + length).toBe(bytes.length);
    expect(bytes.length % 8).toBe(0);
    const places = decodeHeader(bytes.subarray(prefixBytes), 'x', 44);
    expect(places.get('weight')).toEqual({ dtype: 'F32', shape: [2, 3], begin: 0, end: 24 });
    expect(places.get('0')).toEqual({ dtype: 'F32', shape: [4], begin: 24, end: 40 });
    expect(places.get('__proto__')).toEqual({ dtype: 'F32', shape: [], begin: 40, end: 44 });
    expect(places.get('a "b" \\ {ü}')).toEqual({ dtype: 'F32', shape: [0, 7], begin: 44, end: 44 });
    expect(places.size).toBe(4);
  });

  test('has exactly the bytes of the format', () => {
    const json = '{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const length = Buffer.alloc(8);
    length.writeUInt32LE(80);
    expect(Buffer.from(encodeHeader([{ name: 'a', shape: [2] }], { k: 'v' }))).toEqual(
      Buffer.concat([length, Buffer.from(json.padEnd(80))]),
    );
  });

  test('of no tensors is one of an empty file', () => {
    const bytes = encodeHeader([], {});
    expect(decodeHeader(bytes.subarray(prefixBytes), 'x', 0).size).toBe(0);
  });

  test('cannot have a tensor of the name that the format reserves', () => {
    expect(() => encodeHeader([{ name: '__metadata__', shape: [] }], {})).toThrow('cannot be called __metadata__');
  });
});

describe('a header that lies is refused:', () => {
  test.each([
    ['no JSON', '{"a":', 8, 'its header is not JSON'],
    ['an array', '[]', 0, 'not an object at once'],
    ['null', 'null', 0, 'not an object at once'],
    ['space in front', ' {}', 0, 'not an object at once'],
    ['a name twice', `{"a":{},${tensor({}).slice(1)}`, 8, "has 'a' twice"],
    ['a name twice, written differently', `{"\\u0061":{},${tensor({}).slice(1)}`, 8, "has 'a' twice"],
    ['metadata that is no object', '{"__metadata__":["x"]}', 0, '__metadata__ must map names to strings'],
    ['metadata of numbers', '{"__metadata__":{"x":1}}', 0, '__metadata__ must map names to strings'],
    ['no description', '{"a":8}', 8, "tensor 'a' is not described by an object"],
    ['another type', tensor({ dtype: 'F16' }), 8, `tensor 'a' is "F16", expected F32`],
    ['no shape', tensor({ shape: '2' }), 8, `the shape of tensor 'a' is "2"`],
    ['a negative dimension', tensor({ shape: [-1, -2] }), 8, "the shape of tensor 'a' is [-1,-2]"],
    ['a fractional dimension', tensor({ shape: [0.5, 4] }), 8, "the shape of tensor 'a' is [0.5,4]"],
    ['one offset', tensor({ data_offsets: [8] }), 8, "the offsets of tensor 'a' are [8]"],
    ['a negative offset', tensor({ data_offsets: [-8, 0] }), 8, "the offsets of tensor 'a' are [-8,0]"],
    ['an unknown property', tensor({ stride: 1 }), 8, "tensor 'a' has an unknown property 'stride'"],
    ['a larger shape', tensor({ shape: [3] }), 8, 'of shape [3] takes 12 bytes, its offsets [0,8] leave 8'],
    ['a shape beyond all numbers', tensor({ shape: [2 ** 52, 2 ** 52] }), 8, 'its offsets [0,8] leave 8'],
    ['offsets backwards', tensor({ shape: [], data_offsets: [8, 4] }), 8, 'leave -4'],
    ['a gap', tensor({ data_offsets: [4, 12] }), 12, "tensor 'a' starts at byte 4, expected 0"],
    [
      'an overlap',
      `${tensor({}).slice(0, -1)},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`,
      12,
      "tensor 'b' starts at byte 4, expected 8",
    ],
    ['bytes left over', tensor({}), 11, '3 bytes follow its last tensor'],
  ])('%s', (_, json, dataBytes, message) => {
    expect(() => decode(json, dataBytes)).toThrow(DataError);
    expect(() => decode(json, dataBytes)).toThrow(`x.safetensors is not a valid safetensors file: `);
    expect(() => decode(json, dataBytes)).toThrow(message);
  });

  test('bytes that are not UTF-8', () => {
    expect(() => decodeHeader(Buffer.from('7b22ff223a7b7d7d', 'hex'), 'x', 0)).toThrow('its header is not JSON');
  });

  test('more tensors than the file has bytes', () => {
    expect(() => decode(tensor({}), 7)).toThrow(CutFile);
    expect(() => decode(tensor({}), 7)).toThrow('x.safetensors is cut: 8 bytes of tensors expected, 7 found');
  });

  test('a length that no file has', () => {
    const prefix = Buffer.alloc(8, 0xff);
    expect(() => headerLength(prefix, 'x', 1000)).toThrow('its header would have 18446744073709551615 bytes');
    prefix.fill(0).writeUInt32LE(993);
    expect(() => headerLength(prefix, 'x', 1000)).toThrow(
      'x is cut: a header of 1001 bytes expected, 1000 found in all',
    );
    expect(() => headerLength(prefix.subarray(0, 7), 'x', 7)).toThrow('x is cut: 7 bytes found, not even a header');
  });
});
