// What central differences say of one parameter's gradient, and where they can say nothing. A gradient is failed only
// against a difference that is a measurement: far above the rounding of the outputs, the same at neighbouring steps,
// and of a function that has one derivative there. Everything else is not measurable, and said with its reason: to
// count it as passed would hide faults, to count it as failed is a false alarm. It knows nothing of graphs.

import { Tensor } from '../onnx/tensor.js';
import { normals } from '../random.js';

export type Floats = Float32Array | Float64Array;

export const floats = (tensor: Tensor): Floats => tensor.data() as Floats;

/** What is known of a parameter where it is checked. */
export interface Place {
  at: Tensor;
  gradient: Floats;
  projections: readonly Floats[];
  /** The float outputs where the parameter is moved there: of the pieces (piecewise.ts), and of the model as it is. */
  held: (moved: Floats) => Promise<readonly Floats[]>;
  plain: (moved: Floats) => Promise<readonly Floats[]>;
  /** The float outputs where nothing is moved. */
  outputs: readonly Floats[];
}

export interface Verdict {
  /**
   * |numeric − derived| over the largest of both and of the size such a derivative has on average, or a thousandth of
   * the largest parameter's; the smallest of all steps.
   */
  relativeError: number;
  /** Why it neither passed nor failed; absent where it did. */
  notMeasurable?: string;
}

export interface MeasureOptions {
  /** What |derivative| has on average: |gradient| · root mean square of the parameter. */
  size: number;
  /** A derivative of less is small beside those of the other parameters. */
  floor: number;
  seed: number;
  stream: number;
  tolerance: number;
}

/**
 * Steps tried, relative to the parameter's root mean square. In float32 the small gradients of a whole model's
 * attention drown in the rounding of its outputs below the large steps, and a kink or curvature spoils those.
 */
const steps = { float64: [1e-4, 1e-5, 1e-3], float32: [1e-2, 3e-2, 3e-3, 1e-1, 1e-3, 3e-1, 3e-4] };

/** Half the distance of neighbouring numbers of 1 and a little more, relative. */
const rounding = { float64: 2 ** -53, float32: 2 ** -24 };

type Measured = keyof typeof steps;

interface Difference {
  step: number;
  numeric: number;
  derived: number;
  /** What rounding of the outputs alone may make of `numeric`. */
  noise: number;
  /** Whether any output is another number at the two ends. */
  moved: boolean;
}

/** Compares a gradient with differences along one random direction. */
export async function measure(place: Place, options: MeasureOptions): Promise<Verdict> {
  const { tolerance, size, floor } = options;
  const dtype = place.at.dtype as Measured;
  const ray = new Ray(place, options);
  const errorOf = ({ numeric, derived }: Difference, least: number): number =>
    numeric === derived ? 0 : Math.abs(numeric - derived) / Math.max(Math.abs(numeric), Math.abs(derived), least);
  const largest = Math.max(...steps[dtype]);
  const tried: Difference[] = [];
  let doubted: Difference | undefined;
  for (const step of steps[dtype]) {
    const found = await ray.difference(step);
    const error = errorOf(found, size);
    // Where rounding alone may be many times what is tolerated, agreeing is chance.
    if (error === 0 || (error <= tolerance && found.noise <= 10 * tolerance * size)) {
      // With a wrong gradient some large step agrees, on the way of the differences past it by curvature.
      const smaller = tried.filter((t) => t.step < step && errorOf(t, Math.max(size, floor)) > tolerance);
      doubted = await firstConfirmed(smaller, [...tried, found], ray);
      if (!doubted) return { relativeError: error };
      break;
    }
    tried.push(found);
    const hidden = (found.noise * step) / largest > tolerance * Math.max(size, Math.abs(found.derived));
    if (hidden && errorOf(found, floor) <= tolerance) break;
  }
  const against = doubted ? [doubted] : tried;
  const relativeError = least(against.map((found) => errorOf(found, Math.max(size, floor))));
  const not = (notMeasurable: string): Verdict => ({ relativeError, notMeasurable });
  const within = `the change of the outputs is within the rounding of ${dtype}`;
  if (relativeError <= tolerance)
    return not(size < floor ? `its gradient is small beside the largest, and ${within}` : within);
  const finite = against.filter(({ numeric, derived }) => Number.isFinite(numeric) && Number.isFinite(derived));
  if (finite.length === 0) return { relativeError };
  if (finite.every(({ moved }) => !moved))
    return not(`no output changes in ${dtype} however it is moved: what it goes through is saturated, or swallows it`);
  const kink = await ray.kink(tolerance * Math.max(size, ...finite.map(({ derived }) => Math.abs(derived))));
  if (kink) return not(kink);
  if (finite.every((found) => !isClear(found))) return not(within);
  if (doubted || (await firstConfirmed(finite, finite, ray))) return { relativeError };
  return not('differences of near steps disagree with each other as much as with the gradient');
}

/** Whether rounding of the outputs is no explanation for what the difference and the gradient are apart. */
const isClear = ({ noise, numeric, derived }: Difference): boolean => 3 * noise <= Math.abs(numeric - derived);

/** The first of `some` that is a measurement, of the two that agree best with their neighbours among `all`. */
async function firstConfirmed(some: readonly Difference[], all: readonly Difference[], ray: Ray) {
  const clear = some.filter(isClear).toSorted((a, b) => apart(a, all) - apart(b, all));
  for (const found of clear.slice(0, 2)) if (await confirmed(found, all, ray)) return found;
  return undefined;
}

const least = (errors: readonly number[]): number => {
  const known = errors.filter((error) => !Number.isNaN(error));
  return known.length === 0 ? Number.NaN : Math.min(...known);
};

/** How far a difference is from that of the next larger or smaller step, in parts of its distance to the gradient. */
function apart({ step, numeric, derived }: Difference, all: readonly Difference[]): number {
  const sorted = all.toSorted((a, b) => a.step - b.step);
  const at = sorted.findIndex((other) => other.step === step);
  const beside = [sorted[at - 1], sorted[at + 1]].filter((other) => other !== undefined);
  return Math.min(...beside.map((other) => Math.abs(other.numeric - numeric))) / Math.abs(numeric - derived);
}

/** Whether steps a little smaller and larger say the same as this one: rounding would differ from each to the next. */
async function confirmed(found: Difference, all: readonly Difference[], ray: Ray): Promise<boolean> {
  if (!(apart(found, all) <= 0.5)) return false;
  const distances = [found.numeric - found.derived];
  for (const part of [0.85, 0.93, 1.07, 1.15]) {
    const { numeric, derived } = await ray.difference(found.step * part);
    distances.push(numeric - derived);
  }
  return Math.max(...distances) - Math.min(...distances) <= Math.abs(distances[0]!) / 3;
}

/** A parameter that is moved along one direction. */
class Ray {
  readonly #place: Place;
  readonly #base: Floats;
  readonly #direction: Floats;
  readonly #scale: number;
  readonly #noise: number;

  constructor(place: Place, { seed, stream }: MeasureOptions) {
    this.#place = place;
    this.#base = floats(place.at);
    const random = Tensor.of(place.at.dtype, normals(seed, stream, place.at.size), place.at.shape);
    this.#direction = directionFor(floats(random), place.gradient);
    this.#scale = scaleOf(place.at);
    const products = place.projections.map((p, i) => square(p, place.outputs[i]!));
    // Of both ends.
    this.#noise = rounding[place.at.dtype as Measured] * Math.sqrt(2 * products.reduce((a, b) => a + b, 0));
  }

  #moved(step: number): Floats {
    return this.#base.map((v, i) => v + step * this.#scale * this.#direction[i]!) as Floats;
  }

  async difference(step: number): Promise<Difference> {
    const [up, down] = [this.#moved(step), this.#moved(-step)];
    const [high, low] = [await this.#place.held(up), await this.#place.held(down)];
    return {
      step,
      numeric: this.#change(high, low) / (2 * step),
      derived: change(this.#place.gradient, up, down) / (2 * step),
      noise: this.#noise / (2 * step),
      moved: high.some((values, i) => values.some((v, j) => v !== low[i]![j])),
    };
  }

  /**
   * Says where the derivatives to both sides are two numbers, further apart than `smallest`: their distance is the same
   * at three steps, where curvature makes it smaller with the step, and rounding larger.
   */
  async kink(smallest: number): Promise<string | undefined> {
    const base = await this.#place.plain(this.#base);
    const jumps: [left: number, right: number][] = [];
    for (const step of this.#place.at.dtype === 'float64' ? [1e-3, 1e-4, 1e-5] : [3e-2, 1e-2, 3e-3, 1e-3]) {
      const [high, low] = [await this.#place.plain(this.#moved(step)), await this.#place.plain(this.#moved(-step))];
      jumps.push([this.#change(base, low) / step, this.#change(high, base) / step]);
      const last = jumps.slice(-3).map(([left, right]) => right - left);
      const sizes = last.map(Math.abs);
      const same = last.every((jump) => Math.sign(jump) === Math.sign(last[0]!));
      if (last.length < 3 || !same || Math.min(...sizes) <= smallest) continue;
      if (Math.max(...sizes) <= 1.3 * Math.min(...sizes)) {
        const [left, right] = jumps.at(-1)!.map((v) => v.toPrecision(3));
        return `it stands on a kink or a tie: the derivative is ${left} to one side and ${right} to the other`;
      }
    }
    return undefined;
  }

  #change(high: readonly Floats[], low: readonly Floats[]): number {
    return this.#place.projections.reduce((total, p, i) => total + change(p, high[i]!, low[i]!), 0);
  }
}

/**
 * A random direction whose component along the gradient is made at least as long as it is on average (1), so that no
 * unlucky draw hides a wrong scale.
 */
function directionFor(random: Floats, gradient: Floats): Floats {
  const length = norm(gradient);
  if (!(length > 0)) return random;
  const along = dot(random, gradient) / length;
  const missing = Math.abs(along) < 1 ? (along < 0 ? -1 : 1) - along : 0;
  return random.map((v, i) => v + (missing * gradient[i]!) / length);
}

/** Σ weight · (high − low), in float64; infinities stay where they are. */
function change(weights: Floats, high: Floats, low: Floats): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) if (high[i] !== low[i]) total += weights[i]! * (high[i]! - low[i]!);
  return total;
}

/** Σ (a · b)², of what is finite: padding may be filled with infinities. */
function square(a: Floats, b: Floats): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) {
    const product = (a[i]! * b[i]!) ** 2;
    if (Number.isFinite(product)) total += product;
  }
  return total;
}

function dot(a: Floats, b: Floats): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

export const norm = (values: Floats): number => Math.sqrt(dot(values, values));

/** The root mean square of the elements, infinite ones of masks apart; 0.1 where all are 0 (biases before training). */
export function scaleOf(tensor: Tensor): number {
  const finite = floats(tensor).filter(Number.isFinite) as Floats;
  return norm(finite) / Math.sqrt(Math.max(1, finite.length)) || 0.1;
}
