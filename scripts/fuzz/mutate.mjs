// Mutations: of bytes, of lines and cells of text, and of JSON values. All take a random source and give a new value.

import { createHash } from 'node:crypto';

/** Numbers at the edges of types, and of what a reader may multiply. */
const numbers = [
  0,
  -1,
  1,
  2,
  127,
  128,
  255,
  256,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e18,
  1e308,
  -0.5,
];

const fragments = [
  '"',
  "'",
  '""',
  ',',
  ';',
  '\t',
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\ufeff',
  '\u001b[31m',
  '\u202e',
  '\ud800',
  '{',
  '}',
  '[',
  ']',
  '[[',
  ':',
  '__proto__',
  'constructor',
  'null',
  'NaN',
  '-Infinity',
  '1e999',
  '-1',
  '0.0',
  '9007199254740993',
  ' ',
  '\u200b',
  '１',
  'é',
  'e\u0301',
  '漢',
  '😀',
  '👨‍👩‍👧',
  '../',
  '/dev/zero',
  'file://',
  '%s%n',
  '<script>',
  'a'.repeat(70_000),
  '['.repeat(5_000),
  '漢'.repeat(30_000),
];

/** Some bytes changed, moved, doubled, or cut off. */
export function mutateBytes(bytes, random, times = 1 + random.below(4)) {
  let out = Buffer.from(bytes);
  for (let i = 0; i < times; i++) out = mutateOnce(out, random);
  return out;
}

function mutateOnce(bytes, random) {
  if (bytes.length === 0) return Buffer.from([random.below(256)]);
  // The ends hold headers and footers.
  const at = random.chance(0.4) ? endwards(bytes.length, random) : random.below(bytes.length);
  const length = 1 + random.below(Math.min(64, bytes.length - at));
  const out = Buffer.from(bytes);
  const ways = [
    () => out.fill(out[at] ^ (1 << random.below(8)), at, at + 1),
    () => out.fill(random.pick([0, 1, 0x7f, 0x80, 0xff]), at, at + 1),
    () => out.fill(random.below(256), at, at + length),
    () => writeNumber(out, at, random),
    () => Buffer.concat([out.subarray(0, at), out.subarray(at + length)]),
    () => Buffer.concat([out.subarray(0, at + length), out.subarray(at)]),
    () => Buffer.concat([out.subarray(0, at), Buffer.from(random.pick(fragments)), out.subarray(at)]),
    () => out.subarray(0, at),
    () => out.copyWithin(at, random.below(out.length), random.below(out.length)),
  ];
  return random.pick(ways)();
}

const endwards = (length, random) => {
  const near = random.below(Math.min(length, 256));
  return random.chance(0.5) ? near : length - 1 - near;
};

function writeNumber(out, at, random) {
  const [value, size] = [
    BigInt(Math.trunc(random.pick(numbers.filter((n) => Math.abs(n) < 2 ** 63)))),
    random.pick([2, 4, 8]),
  ];
  if (at + size > out.length) return out;
  if (size === 8) out.writeBigInt64LE(BigInt.asIntN(64, value), at);
  else out.writeUIntLE(Number(BigInt.asUintN(8 * size, value)), at, size);
  return out;
}

/** Lines and pieces of a text exchanged, doubled, lost, or replaced by what readers stumble over. */
export function mutateText(text, random) {
  let out = text;
  for (let i = 0; i < 1 + random.below(4); i++) out = mutateTextOnce(out, random);
  return Buffer.from(out);
}

function mutateTextOnce(text, random) {
  const at = random.below(text.length + 1);
  const lines = text.split('\n');
  const line = random.below(lines.length);
  const ways = [
    () => text.slice(0, at) + random.pick(fragments) + text.slice(at),
    () => text.slice(0, at) + text.slice(at + 1 + random.below(20)),
    () => lines.toSpliced(line, 1).join('\n'),
    () => lines.toSpliced(line, 0, random.pick(lines)).join('\n'),
    () => lines.toSpliced(line, 1, `${lines[line]}${random.pick(fragments)}`).join('\n'),
    () =>
      text.replaceAll(random.pick(['"', ',', '\n', ':', '\t', 'label', 'text']), random.pick(fragments.slice(0, 12))),
    () => text.slice(0, at),
  ];
  return random.pick(ways)();
}

/** A JSON value with one or a few of its parts replaced, lost, doubled or nested. */
export function mutateJson(value, random) {
  let out = structuredClone(value);
  for (let i = 0; i < 1 + random.below(3); i++) out = mutateJsonOnce(out, random);
  return out;
}

function mutateJsonOnce(value, random) {
  const places = placesOf(value);
  if (places.length === 0) return odd(random);
  const [holder, key] = random.pick(places);
  const set = (to, name = key) => {
    holder[name] = structuredClone(to);
  };
  const list = Array.isArray(holder);
  const [other, name] = random.pick(places);
  const ways = [
    () => set(odd(random)),
    () => (list ? holder.splice(key, 1) : delete holder[key]),
    () => set(holder[key], list ? holder.length : `${key}_`),
    () => set([holder[key]]),
    () => set({ value: holder[key] }),
    () => set(like(holder[key], random)),
    () => set(other[name]),
  ];
  random.pick(ways)();
  return value;
}

/**
 * Holders and keys of parts; large lists and tables (vocabularies) give a few of theirs, so that the rest has a turn.
 */
function placesOf(value, found = []) {
  if (typeof value !== 'object' || value === null) return found;
  const keys = Object.keys(value);
  const step = Math.max(1, Math.floor(keys.length / 12));
  for (let i = 0; i < keys.length; i += step) {
    found.push([value, Array.isArray(value) ? i : keys[i]]);
    placesOf(value[keys[i]], found);
  }
  return found;
}

const nested = (depth) => {
  let value = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};

const odd = (random) =>
  random.pick([
    null,
    true,
    '',
    [],
    {},
    nested(300),
    random.pick(numbers),
    random.pick(fragments),
    '(a+)+$',
    '(x*)*y',
    '\\p{L}+|.|',
  ]);

function like(value, random) {
  if (typeof value === 'number') return random.pick([value + 1, -value, value * 1000, random.pick(numbers)]);
  if (typeof value === 'string')
    return random.pick([value + random.pick(fragments), value.toUpperCase(), value.slice(1), random.pick(fragments)]);
  if (typeof value === 'boolean') return !value;
  return odd(random);
}

/** A file of the same size: some bytes have other values, none of the last `spared`. */
export function changeBytes(bytes, random, spared = 0) {
  const out = Buffer.from(bytes);
  for (let i = 0; i < 1 + random.below(8); i++)
    out[random.below(out.length - spared)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  return out;
}

/** A safetensors file whose header, or bytes, are changed; the sum of a packed one fits in most cases. */
export function mutateSafetensors(bytes, random) {
  if (random.chance(0.15) || bytes.length < 8) return mutateBytes(bytes, random);
  const length = Number(bytes.readBigUInt64LE(0));
  const [head, body] = [bytes.subarray(8, 8 + length), bytes.subarray(8 + length)];
  const whole = random.chance(0.5)
    ? [head, changeBytes(body, random)]
    : [Buffer.from(JSON.stringify(mutateJson(JSON.parse(head.toString()), random))), body];
  return random.chance(0.8) ? sealed(...whole) : withLength(...whole);
}

const withLength = (head, body) => {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(head.length));
  return Buffer.concat([size, head, body]);
};

/**
 * With the SHA-256 that packed files state of themselves: of the tensors, then of all before them with 0 for itself.
 */
function sealed(head, body) {
  const file = withLength(head, body);
  const key = '"ortune_sha256":"';
  const at = file.indexOf(key) + key.length;
  if (at < key.length) return file;
  file.fill('0', at, at + 64);
  const sum = createHash('sha256')
    .update(body)
    .update(file.subarray(0, 8 + head.length))
    .digest('hex');
  file.write(sum, at, 'latin1');
  return file;
}

/** A JSON file, as a value or as text. */
export function mutateJsonFile(bytes, random) {
  if (random.chance(0.2)) return random.chance(0.5) ? mutateBytes(bytes, random) : mutateText(bytes.toString(), random);
  return Buffer.from(JSON.stringify(mutateJson(JSON.parse(bytes.toString()), random)));
}
