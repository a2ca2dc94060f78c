// Floats rounded to numbers as a file had them: type, scales along an axis or of blocks, with zero points or symmetric.
// Each group of numbers keeps its scale where that loses least, so that what has not changed gives the same numbers;
// else it is that of the group's least and largest value, or of its largest magnitude.

import { convertFloat } from '../convert.js';
import { type DataType, isFloat, isPacked } from '../dtype.js';
import { Tensor } from '../tensor.js';
import { type Blocked, elementsOf, floatsOf, type Scaled, scaleOfEach } from './stored-values.js';

/** The tensors of a quantised weight; without zero points it is symmetric. */
export interface Numbers {
  numbers: Tensor;
  scales: Tensor;
  zeros: Tensor | undefined;
}

/** Where an element of the weight stands, and which scale is its own. */
interface Places {
  count: number;
  value(i: number): number;
  number(i: number): number;
  group(i: number): number;
}

const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Files for processors whose products of 8 bits overflow use 7 of them. */
function rangeOf({ dtype, size }: Tensor, numbers: (i: number) => number): readonly [number, number] | undefined {
  const whole = ranges[dtype];
  const reduced = dtype === 'int8' ? ([-64, 64] as const) : dtype === 'uint8' ? ([0, 127] as const) : undefined;
  if (!reduced) return whole;
  for (let i = 0; i < size; i++) if (numbers(i) < reduced[0] || numbers(i) > reduced[1]) return whole;
  return reduced;
}

/** A scale and the number that stands for 0. */
interface Choice {
  scale: number;
  zero: number;
}

const clamped = (value: number, [low, high]: readonly [number, number]): number => Math.min(high, Math.max(low, value));

/** Halves go to the even number, as the operators round. */
function nearest(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? 2 * Math.round(floor / 2) : Math.round(value);
}

const numberOf = (w: number, { scale, zero }: Choice, range: readonly [number, number]): number =>
  clamped(nearest(w / scale + zero), range);

/** What of a weight stays as it is. */
export interface Kept {
  scales: boolean;
  zeros: boolean;
}

interface Rounding {
  range: readonly [number, number];
  /** Of each group in the file. */
  before: readonly Choice[];
  /** Whether zero points stay: those of symmetric weights, and those that others have too. */
  fixedZero: boolean;
  /** What a zero point and a scale are in the file's types. */
  exact(choice: Choice): Choice;
  /** Whether scales must stay. */
  keep: boolean;
}

function choose(w: ArrayLike<number>, places: Places, { range, before, fixedZero, exact, keep }: Rounding): Choice[] {
  if (keep) return [...before];
  const groups = before.length;
  const [low, high] = [new Float64Array(groups), new Float64Array(groups)];
  for (let i = 0; i < places.count; i++) {
    const [g, v] = [places.group(i), w[places.value(i)]!];
    low[g] = Math.min(low[g]!, v);
    high[g] = Math.max(high[g]!, v);
  }
  const fresh = before.map(({ scale, zero }, g): Choice => {
    const [from, to] = [low[g]!, high[g]!];
    if (from === to) return { scale, zero };
    if (!fixedZero) {
      const step = (to - from) / (range[1] - range[0]);
      return exact({ scale: step, zero: range[0] - from / step });
    }
    const sides = [-from / (zero - range[0]), to / (range[1] - zero)];
    return exact({ scale: Math.max(...sides.filter(Number.isFinite)), zero });
  });
  const errors = [before, fresh].map((choices) => {
    const sums = new Float64Array(groups);
    for (let i = 0; i < places.count; i++) {
      const [g, v] = [places.group(i), w[places.value(i)]!];
      const { scale, zero } = choices[g]!;
      sums[g]! += (v - (numberOf(v, choices[g]!, range) - zero) * scale) ** 2;
    }
    return sums;
  }) as [Float64Array, Float64Array];
  return before.map((choice, g) => (errors[1][g]! < errors[0][g]! ? fresh[g]! : choice));
}

/** Numbers of 4 bits two to a byte, the low half first. */
function packed(tensor: Tensor, bits: number, change: (put: (at: number, value: number) => void) => void): Tensor {
  if (bits > 4) {
    const data = (tensor.data() as Int8Array).slice();
    change((at, value) => {
      data[at] = value;
    });
    return Tensor.view(tensor.dtype, tensor.shape, data);
  }
  const bytes = tensor.bytes().slice();
  change((at, value) => {
    const shift = 4 * (at & 1);
    bytes[at >> 1] = (bytes[at >> 1]! & ~(15 << shift)) | ((value & 15) << shift);
  });
  return new Tensor(tensor.dtype, tensor.shape, bytes);
}

/**
 * @param keep what has to stay, since something else has it too
 * @returns undefined for numbers of a type that is not rounded to
 */
export function roundLinear(w: Tensor, of: Numbers, scaled: Scaled, keep: Kept): Numbers | undefined {
  const { numbers, scales, zeros } = of;
  const range = rangeOf(numbers, elementsOf(numbers));
  if (!range) return undefined;
  const group = scaleOfEach(numbers.shape, scales.size, scaled);
  const places = { count: numbers.size, value: (i: number) => i, number: (i: number) => i, group };
  const zeroAt = zeros ? elementsOf(zeros) : () => 0;
  const zeroOf = (g: number): number => zeroAt(zeros?.size === 1 ? 0 : g);
  const middle = range[0] < 0 ? 0 : (range[1] + 1) / 2;
  const isShared = zeros !== undefined && (keep.zeros || zeros.size !== scales.size);
  const before = Array.from(floatsOf(scales), (scale, g) => ({ scale, zero: zeroOf(g) }));
  const rounding = {
    range,
    before,
    fixedZero: !zeros || isShared || before.every(({ zero }) => zero === middle),
    exact: exactly(scales.dtype, range),
    keep: keep.scales,
  };
  const chosen = choose(w.data() as Float32Array, places, rounding);
  return {
    numbers: roundedNumbers(w, of, places, { chosen, range, bits: isPacked(numbers.dtype) ? 4 : 8 }),
    scales: scalesOf(scales, chosen),
    zeros: zeros && (!isShared ? zerosOf(zeros, chosen, (g) => g) : zeros),
  };
}

/** The same for the weights of a MatMulNBits; `w` is [K, N]. */
export function roundBlocks(w: Tensor, of: Numbers, { bits, block, shape: [n, k] }: Blocked, keep: Kept): Numbers {
  const { scales, zeros } = of;
  const blocks = Math.ceil(k / block);
  const range = [0, 2 ** bits - 1] as const;
  const perRow = bits === 4 ? 2 * Math.ceil(blocks / 2) : blocks;
  const zeroPlace = (g: number): number =>
    zeros?.dtype === 'uint8' ? Math.floor(g / blocks) * perRow + (g % blocks) : g;
  const halves = zeros?.dtype === 'uint8' && bits === 4 ? zeros.part('uint4', [n * perRow]) : zeros;
  const floats = zeros && isFloat(zeros.dtype) ? floatsOf(zeros) : undefined;
  const zeroAt = floats ? (g: number) => floats[g]! : halves ? elementsOf(halves) : () => 2 ** (bits - 1);
  const places: Places = {
    count: n * k,
    value: (i) => (i % k) * n + Math.floor(i / k),
    number: (i) => Math.floor(i / k) * blocks * block + (i % k),
    group: (i) => Math.floor(i / k) * blocks + Math.floor((i % k) / block),
  };
  const before = Array.from(floatsOf(scales), (scale, g) => ({ scale, zero: zeroAt(zeroPlace(g)) }));
  const rounding = {
    range,
    before,
    fixedZero: keep.zeros || before.every(({ zero }) => zero === 2 ** (bits - 1)),
    exact: exactly(scales.dtype, floats ? undefined : range),
    keep: keep.scales,
  };
  const chosen = choose(w.data() as Float32Array, places, rounding);
  const asFloats = () =>
    convertFloat(
      Tensor.of(
        'float32',
        chosen.map(({ zero }) => zero),
        zeros!.shape,
      ),
      zeros!.dtype,
    );
  return {
    numbers: roundedNumbers(w, of, places, { chosen, range, bits }),
    scales: scalesOf(scales, chosen),
    zeros: keep.zeros ? zeros : floats ? asFloats() : zeros && zerosOf(zeros, chosen, zeroPlace, bits),
  };
}

/** In the scales' type, with a whole zero point in `range` unless those are floats. */
const exactly =
  (dtype: DataType, range: readonly [number, number] | undefined) =>
  ({ scale, zero }: Choice): Choice => ({
    scale: floatsOf(convertFloat(Tensor.of('float32', [scale]), dtype))[0]!,
    zero: range ? clamped(nearest(zero), range) : Math.fround(zero),
  });

function roundedNumbers(
  w: Tensor,
  { numbers }: Numbers,
  places: Places,
  { chosen, range, bits }: { chosen: readonly Choice[]; range: readonly [number, number]; bits: number },
): Tensor {
  const values = w.data() as Float32Array;
  return packed(numbers, bits, (put) => {
    for (let i = 0; i < places.count; i++)
      put(places.number(i), numberOf(values[places.value(i)]!, chosen[places.group(i)]!, range));
  });
}

const scalesOf = (scales: Tensor, chosen: readonly Choice[]): Tensor =>
  convertFloat(
    Tensor.of(
      'float32',
      chosen.map(({ scale }) => scale),
      scales.shape,
    ),
    scales.dtype,
  );

const zerosOf = (zeros: Tensor, chosen: readonly Choice[], place: (g: number) => number, bits = 8): Tensor =>
  packed(zeros, isPacked(zeros.dtype) ? 4 : bits, (put) => {
    for (const [g, { zero }] of chosen.entries()) put(place(g), zero);
  });
