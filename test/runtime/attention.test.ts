// The attention kernels, run by the device, against the definitions on a stock session; what they refuse; the same bits
// for any number of threads.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { describeInstructionSets } from '../support/instruction-sets.js';
import { bits, define, expectClose, inFloat64, random, runOn, unchecked } from './kernels.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const [B, H, T, S, d] = [2, 3, 37, 50, 12];
const C = H * d;
const key = Tensor.of('uint32', [7, 4_000_000_000, 1, 0]);
const [q, k, v] = [random(1, [B, T, C]), random(2, [B, S, C]), random(3, [B, S, C])];
const plain = { heads: H, scale: float(0.3) };
const dropping = { ...plain, ratio: float(0.1), id: 12 };

interface Given {
  name: string;
  bias?: Tensor;
  attrs: Record<string, AttrInput>;
  /** k and v; default of as many heads as q. */
  keys?: readonly [Tensor, Tensor];
  learned?: Tensor;
  sink?: Tensor;
}
const shared = [random(2, [B, S, d]), random(3, [B, S, d])] as const;
/** What a causal mask with padding leaves visible. */
const causal = Tensor.of(
  'float32',
  Array.from({ length: B * T * S }, (_, i) => {
    const [sample, t, s] = [Math.floor(i / (T * S)), Math.floor(i / S) % T, i % S];
    return s > t + 2 || s < 2 * sample ? -3.4028234663852886e38 : 0;
  }),
  [B, 1, T, S],
);
const givens: Given[] = [
  { name: 'without bias', attrs: plain },
  { name: 'with a bias for every key', bias: random(4, [B, 1, 1, S]), attrs: plain },
  { name: 'with a bias for every pair', bias: random(4, [1, 1, T, S]), attrs: plain },
  { name: 'with a bias of every head, and dropout', bias: random(4, [B, H, T, S]), attrs: dropping },
  { name: 'with dropout', attrs: dropping },
  {
    name: 'of heads that share keys under a causal mask',
    bias: causal,
    attrs: { ...plain, kv_heads: 1 },
    keys: shared,
  },
  { name: 'with a learned bias for all samples', bias: causal, learned: random(6, [1, H, T, S]), attrs: dropping },
  { name: 'with a learned bias for each sample', learned: random(6, [B, H, T, S]), attrs: plain },
  { name: 'with sinks', bias: causal, sink: random(7, [H]), attrs: plain },
  {
    name: 'with all of these and a cap',
    bias: causal,
    learned: random(6, [1, H, T, S]),
    sink: random(7, [H]),
    attrs: { ...dropping, kv_heads: 1, softcap: float(0.8) },
    keys: shared,
  },
];

const attention = ({ bias, attrs, keys = [k, v], learned, sink }: Given) => ({
  op: 'Attention',
  inputs: [q, ...keys, bias, attrs.ratio ? key : undefined, learned, sink],
  attrs,
  outputs: 2,
});

/** The gradient at what the kernel itself makes of the inputs. */
async function gradient(given: Given) {
  const { bias, attrs, keys = [k, v], learned, sink } = given;
  const forward = operatorGraph({ ...attention(given), domain: 'ortune' });
  const [y, stats] = (await runOn(device, forward.graph, forward.feeds)).outputs;
  const inputs = [random(5, [B, T, C]), q, ...keys, bias, attrs.ratio ? key : undefined];
  inputs.push(Tensor.of('float32', y!, [B, T, C]), Tensor.of('float32', stats!, [B, H, T, 2]));
  inputs.push(learned, sink);
  return { op: 'AttentionGrad', inputs, attrs, outputs: learned ? 4 : 3 };
}

describeInstructionSets(() => {
  describe.each(givens)('attention $name', (given) => {
    it.each(['forward', 'backward'])('computes %s what the definition says', async (direction) => {
      const operator = direction === 'forward' ? attention(given) : await gradient(given);
      const { graph, feeds } = operatorGraph({ ...operator, domain: 'ortune' });
      expect(device.kernels.has(`ortune.${operator.op}`)).toBe(true);
      const { outputs } = await runOn(device, graph, feeds);
      const [defined, exact] = [await define(operator), await define(inFloat64(operator))];
      for (const [i, found] of outputs.entries()) {
        expectClose(found, defined[i]!, 3e-6);
        expectClose(found, exact[i]!, 3e-6);
      }
    });

    it('gives the same bits with one, two and three threads', async () => {
      for (const operator of [attention(given), await gradient(given)]) {
        const { graph, feeds } = operatorGraph({ ...operator, domain: 'ortune' });
        const { outputs } = await runOn(device, graph, feeds);
        for (const threads of [1, 3]) {
          const other = await openDevice('cpu', { threads });
          expect(bits((await runOn(other, graph, feeds)).outputs)).toEqual(bits(outputs));
          await other.close();
        }
      }
    });
  });
});

describe('attention', () => {
  it('runs when some outputs are not wanted', async () => {
    const operator = { ...(await gradient(givens[3]!)), domain: 'ortune' };
    const all = operatorGraph(operator);
    const { outputs } = await runOn(device, all.graph, all.feeds);
    for (const wanted of [0, 1, 2]) {
      const { graph, feeds } = operatorGraph(operator);
      const node = graph.nodes[0]!;
      node.outputs = node.outputs.map((y, i) => (i === wanted ? y : ''));
      while (node.outputs.at(-1) === '') node.outputs.pop();
      graph.outputs = [graph.outputs[wanted]!];
      expect(bits((await runOn(device, graph, feeds)).outputs)).toEqual(bits([outputs[wanted]!]));
    }
    const { graph, feeds } = operatorGraph({ ...attention(givens[3]!), domain: 'ortune' });
    const both = await runOn(device, graph, feeds);
    graph.nodes[0]!.outputs.pop();
    graph.outputs.pop();
    expect(bits((await runOn(device, graph, feeds)).outputs)).toEqual(bits(both.outputs.slice(0, 1)));
  });

  const [of, stats] = [(...shape: number[]) => random(1, shape), random(1, [2, 3, 4, 2])];
  const small = of(2, 4, 6);
  const refusals: [string, RegExp, string, Tensor[], Record<string, AttrInput>][] = [
    ['no heads', /'heads'/, 'Attention', [small, small, small], {}],
    ['two axes', /three axes, not 2/, 'Attention', [of(4, 6), small, small], { heads: 3 }],
    ['other batches', /\[B, S, C\]/, 'Attention', [small, of(1, 4, 6), of(1, 4, 6)], { heads: 3 }],
    ['keys without values', /\[B, S, C\]/, 'Attention', [small, small, of(2, 5, 6)], { heads: 3 }],
    [
      'heads that do not share evenly',
      /'kv_heads' must divide/,
      'Attention',
      [small, small, small],
      { heads: 3, kv_heads: 2 },
    ],
    ['heads that do not fit', /6 channels are not 4 heads/, 'Attention', [small, small, small], { heads: 4 }],
    ['no keys', /at least one token/, 'Attention', [small, of(2, 0, 6), of(2, 0, 6)], { heads: 3 }],
    ['a bias of two axes', /four axes, not 2/, 'Attention', [small, small, small, of(4, 4)], { heads: 3 }],
    [
      'a bias that does not fit',
      /axis 1 .* 2 elements/,
      'Attention',
      [small, small, small, of(1, 2, 1, 4)],
      { heads: 3 },
    ],
    [
      'a learned bias that broadcasts',
      /learned bias must have the shape/,
      'Attention',
      [small, small, small, of(1, 1, 1, 1), key, of(1, 3, 1, 4)],
      { heads: 3 },
    ],
    [
      'sinks of other heads',
      /sinks must have the shape \[H\]/,
      'Attention',
      [small, small, small, of(1, 1, 1, 1), key, of(1, 3, 4, 4), of(2)],
      { heads: 3 },
    ],
    ['a negative cap', /'softcap'/, 'Attention', [small, small, small], { heads: 3, softcap: float(-1) }],
    ['a ratio of 1', /below 1/, 'Attention', [small, small, small], { heads: 3, ratio: float(1) }],
    [
      'a short key',
      /4 elements, not 3/,
      'Attention',
      [small, small, small, of(1, 1, 1, 1), Tensor.of('uint32', [1, 2, 3])],
      { heads: 3, ratio: float(0.5) },
    ],
    [
      'a gradient of another shape',
      /shape of q/,
      'AttentionGrad',
      [of(2, 5, 6), small, small, small, of(1, 1, 1, 1), key, small, stats],
      { heads: 3 },
    ],
    [
      'short statistics',
      /\[B, H, T, 2\]/,
      'AttentionGrad',
      [small, small, small, small, of(1, 1, 1, 1), key, small, of(2, 3, 4)],
      { heads: 3 },
    ],
  ];
  it.each(refusals)('refuses %s', async (_, message, op, inputs, attrs) => {
    const { graph, feeds } = unchecked(op, inputs, attrs, [2, 4, 6]);
    await expect(runOn(device, graph, feeds)).rejects.toThrow(message);
  });
});
