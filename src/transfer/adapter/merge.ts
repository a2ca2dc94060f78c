// An adapter that becomes part of the weights: W + s·B·A in the form that the file keeps W in, or of DoRA each row of
// that times m / its norm. Computed in float64 and rounded once.

import type { Value } from '../../onnx/graph.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Parameter } from '../parameters.js';
import type { Attached } from './attach.js';
import type { Adapted } from './insert.js';

/** The weight that a layer's tensors make of the frozen one, which stays as it is. */
export function mergedWeight(weight: Tensor, adapters: readonly Adapted[], tensor: (name: Value) => Tensor): Tensor {
  const to = Float64Array.from(weight.data() as Float32Array);
  for (const adapted of adapters) addDelta(to, weight.shape, adapted, tensor);
  return Tensor.view('float32', weight.shape, Float32Array.from(to));
}

function addDelta(
  to: Float64Array,
  shape: readonly number[],
  { module, a, b, scaling }: Adapted,
  tensor: (name: Value) => Tensor,
): void {
  const { outFirst, outputs, packed, kind } = module;
  const [down, up] = [tensor(a), tensor(b)];
  const [A, B] = [down.data() as Float32Array, up.data() as Float32Array];
  const rank = down.shape[0]!;
  const inputs = elementCount(down.shape) / rank;
  // Tables are [rows, width]: rows are the inputs.
  const whole = packed?.whole ?? outputs;
  const rows = kind === 'embedding' ? false : outFirst;
  for (let o = 0; o < outputs; o++) {
    const out = o + (packed?.offset ?? 0);
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += B[o * rank + r]! * A[r * inputs + i]!;
      to[rows ? out * inputs + i : i * whole + out]! += scaling * sum;
    }
  }
  if (to.length !== elementCount(shape)) throw new Error('the adapter is not of this weight');
}

/** The parameters that adapters stand at, each with the weight that it becomes. `current`: of a parameter, as it is. */
export function mergeInto(
  { adapters, choice }: Pick<Attached, 'adapters' | 'choice'>,
  current: (parameter: Parameter) => Tensor,
): { parameter: Parameter; weight: Tensor }[] {
  const known = new Map([...choice.trainable, ...choice.frozen].map((parameter) => [parameter.name, parameter]));
  const tensor = (name: Value): Tensor => current(known.get(name)!);
  return [...bySource(adapters)].flatMap(([source, own]) => {
    const parameter = known.get(source);
    return parameter ? [{ parameter, weight: mergedWeight(tensor(source), own, tensor) }] : [];
  });
}

/** Adapters by the tensor that holds the weight. */
export function bySource(adapters: readonly Adapted[]): Map<Value, Adapted[]> {
  const found = new Map<Value, Adapted[]>();
  for (const adapted of adapters)
    found.set(adapted.module.source, [...(found.get(adapted.module.source) ?? []), adapted]);
  return found;
}
