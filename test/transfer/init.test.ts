import { expect, test } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { drawParameters } from '#ortune/transfer/init.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { kindOf } from '#ortune/transfer/weights.js';
import { encoders, fixture } from '../support/exported.js';

/** Every parameter of a model drawn anew, by its readable name. */
function drawn(path: string, options: { seed: number; deviation?: number }, freeze: string[] = []) {
  const model = openModel(path);
  const { trainable, frozen } = chooseParameters(model, toGraph(model), { freeze });
  const all = [...trainable, ...frozen];
  const values = new Map(all.map(({ name, shape }) => [name, new Float32Array(shape.reduce((n, d) => n * d, 1))]));
  drawParameters(all, options, (name) => values.get(name)!.fill(7));
  return new Map(all.map(({ name, alias }) => [alias, values.get(name)!]));
}

const deviationOf = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);

test.each(encoders)('%s by %s: matrices are normal, scales 1 and biases 0', (family, exporter) => {
  for (const [alias, values] of drawn(fixture('encoders', family, exporter), { seed: 3, deviation: 0.5 })) {
    if (/LayerNorm\.weight|layer_norm\.weight/i.test(alias)) expect(new Set(values), alias).toEqual(new Set([1]));
    else if (/relative_attention_bias/.test(alias) || alias.endsWith('.weight')) {
      const allowed = 4 * (0.5 / Math.sqrt(2 * values.length));
      expect(Math.abs(deviationOf(values) - 0.5), alias).toBeLessThan(allowed);
    } else expect(new Set(values), alias).toEqual(new Set([0]));
  }
});

test('the seed decides, not what is frozen, and no two weights are alike', () => {
  const path = fixture('encoders', 'bert', 'torchscript');
  const values = drawn(path, { seed: 3 });
  expect(drawn(path, { seed: 3 }, ['trunk'])).toEqual(values);
  const name = 'bert.encoder.layer.0.attention.self.query.weight';
  expect(drawn(path, { seed: 4 }).get(name)).not.toEqual(values.get(name));
  expect(values.get(name.replace('query', 'key'))).not.toEqual(values.get(name));
  expect(deviationOf(values.get(name)!)).toBeCloseTo(0.02, 2);
});

test('a weight counts by how it is used, whatever its name', () => {
  const used = (role: 'weight' | 'bias', op: string, shape: number[]) =>
    kindOf([{ role, input: 1, node: { name: '', op, domain: '', inputs: [], outputs: [], attrs: new Map() } }], shape);
  expect(used('weight', 'LayerNormalization', [4])).toBe('scale');
  expect(used('weight', 'SkipLayerNormalization', [4])).toBe('scale');
  expect(used('weight', 'Mul', [4])).toBe('scale');
  expect(used('weight', 'Gather', [4, 3])).toBe('matrix');
  expect(used('bias', 'Add', [1, 1, 4])).toBe('bias');
  expect(used('bias', 'Add', [1, 3, 4])).toBe('matrix');
});
