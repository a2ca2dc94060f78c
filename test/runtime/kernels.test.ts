// Every kernel of the domain, run by the device, against the operator's definition on a stock session and against a
// float64 reference (the definition again, in float64), under every instruction set of the processor; the same bits for
// any number of threads.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tensor } from '#ortune/onnx/tensor.js';
import { addon } from '#ortune/runtime/native.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { describeInstructionSets } from '../support/instruction-sets.js';
import { cases, integers, type KernelCase, labels, logits, wide } from './kernel-cases.js';
import { bits, define, expectClose, inFloat64, longs, random, runOn, unchecked } from './kernels.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

it("a device lists every kernel, and the product only where it is faster than the runtime's: with tiles", () => {
  for (const { op } of cases)
    expect([op, device.kernels.has(`ortune.${op}`)]).toEqual([op, op !== 'Gemm' || addon().instructionSet() === 'amx']);
});

async function expectDefined(kernelCase: KernelCase): Promise<void> {
  const { graph, feeds } = operatorGraph({ ...kernelCase, domain: 'ortune' });
  const { outputs } = await runOn(device, graph, feeds);
  const exact = kernelCase.single ? [] : await define(inFloat64(kernelCase));
  const defined = await define(kernelCase);
  for (const [i, found] of outputs.entries()) {
    expectClose(found, defined[i]!, 3e-6);
    if (exact[i]) expectClose(found, exact[i], 1e-6);
  }
  if (kernelCase.op === 'Dropout') expect(Array.from(outputs[0]!)).toEqual(defined[0]);
}

describeInstructionSets(() => {
  it.each(cases.filter(({ op }) => op === 'GemmBf16'))(
    'the kernel of $name computes what the definition says',
    expectDefined,
  );
}, ['avx512_bf16']);

describeInstructionSets(() => {
  describe.each(cases)('the kernel of $name', (kernelCase) => {
    it('computes what the definition says', () => expectDefined(kernelCase));

    it('works in place of an input that nobody else reads', async () => {
      const { graph, feeds } = operatorGraph({ ...kernelCase, domain: 'ortune' });
      const plain = await runOn(device, graph, feeds);
      for (const [value, { dtype, shape }] of feeds) {
        graph.types.set(`${value}.read`, { dtype, shape });
        graph.nodes.unshift(
          {
            name: `${value}.once`,
            op: 'Neg',
            domain: '',
            inputs: [value],
            outputs: [`${value}.minus`],
            attrs: new Map(),
          },
          {
            name: `${value}.twice`,
            op: 'Neg',
            domain: '',
            inputs: [`${value}.minus`],
            outputs: [`${value}.read`],
            attrs: new Map(),
          },
        );
      }
      const node = graph.nodes.at(-1)!;
      node.inputs = node.inputs.map((x) => (feeds.has(x) ? `${x}.read` : x));
      expect(bits((await runOn(device, graph, feeds)).outputs)).toEqual(bits(plain.outputs));
    });
  });

  describe('kernels', () => {
    const rows = 5000;
    const large: KernelCase[] = [
      { name: 'GeluGrad', op: 'GeluGrad', inputs: [random(1, [rows, 40]), random(2, [rows, 40])] },
      { name: 'SoftmaxGrad', op: 'SoftmaxGrad', inputs: [random(1, [rows, 40]), random(2, [rows, 40])] },
      {
        name: 'LayerNormalizationGrad',
        op: 'LayerNormalizationGrad',
        inputs: [random(1, [rows, 40]), random(2, [rows, 40]), random(3, [40])],
        outputs: 3,
      },
      { name: 'BiasGrad', op: 'BiasGrad', inputs: [random(1, [rows, 40])] },
      {
        name: 'EmbeddingGrad',
        op: 'EmbeddingGrad',
        inputs: [random(1, [rows, 200]), integers('int64', 2, [rows], 0, 300)],
        attrs: { rows: 300 },
      },
      {
        name: 'CrossEntropy',
        op: 'CrossEntropy',
        inputs: [random(1, [rows, 40]), integers('int64', 2, [rows], 0, 40)],
        outputs: 2,
      },
    ];

    it.each(large)('give the same bits with one, two and three threads: $name', async (kernelCase) => {
      const { graph, feeds } = operatorGraph({ ...kernelCase, domain: 'ortune' });
      const { outputs } = await runOn(device, graph, feeds);
      for (const threads of [1, 3]) {
        const other = await openDevice('cpu', { threads });
        expect(bits((await runOn(other, graph, feeds)).outputs)).toEqual(bits(outputs));
        await other.close();
      }
    });

    it('run when some outputs are not wanted', async () => {
      const inputs = [random(3, wide), random(4, wide), random(5, [33])];
      const all = operatorGraph({ op: 'LayerNormalizationGrad', domain: 'ortune', inputs, outputs: 3 });
      const { outputs } = await runOn(device, all.graph, all.feeds);
      for (const wanted of [0, 1, 2]) {
        const { graph, feeds } = operatorGraph({ op: 'LayerNormalizationGrad', domain: 'ortune', inputs, outputs: 3 });
        const node = graph.nodes[0]!;
        node.outputs = node.outputs.map((y, i) => (i === wanted ? y : ''));
        while (node.outputs.at(-1) === '') node.outputs.pop();
        graph.outputs = [graph.outputs[wanted]!];
        expect((await runOn(device, graph, feeds)).outputs).toEqual([outputs[wanted]]);
      }
      const loss = operatorGraph({ op: 'CrossEntropy', domain: 'ortune', inputs: [logits, labels], outputs: 2 });
      const both = await runOn(device, loss.graph, loss.feeds);
      loss.graph.nodes[0]!.outputs.pop();
      loss.graph.outputs.pop();
      expect((await runOn(device, loss.graph, loss.feeds)).outputs).toEqual(both.outputs.slice(0, 1));
    });
  });

  describe('the updates', () => {
    const length = 40_000;
    const ranges = longs([0, 1, 16, 39_000], [2, 2]);

    it.each([
      ['Adam', [0, 0.01, 0.9, 0.999, 1e-8, 0.1, 0, 0.1, 0.001], 2],
      ['Sgd', [0, 0.01, 0.9, 0, 1, 0.1, 0, 0, 0], 1],
    ] as const)('of %s change the bound arenas in place, inside the ranges', async (op, hyper, states) => {
      const start = random(1, [length]);
      const inputs = [start, random(2, [length])];
      for (let i = 0; i < states; i++) inputs.push(Tensor.of('float32', new Float32Array(length)));
      inputs.push(ranges, Tensor.of('float32', [...hyper, ...hyper], [2, 9]), Tensor.of('float32', [0]));
      const { graph, feeds } = unchecked(op, inputs, {}, [1]);
      const run = await runOn(device, graph, feeds);
      const p = run.inputs.get('x0')!.data as Float32Array;
      const [before, g] = [start.numbers(), feeds.get('x1')!.numbers()];
      let [square, worst] = [0, 0];
      for (let i = 0; i < length; i++) {
        const inside = i < 1 || (i >= 16 && i < 39_000);
        if (inside) square += g[i]! ** 2;
        const decayed = g[i]! + 0.1 * before[i]!;
        const moved =
          op === 'Adam'
            ? before[i]! * (1 - 0.01 * 0.1) - (0.01 * g[i]!) / (Math.abs(g[i]!) + 1e-8)
            : before[i]! - 0.01 * 1.9 * decayed;
        worst = Math.max(worst, Math.abs(p[i]! - (inside ? moved : before[i]!)));
      }
      expect(worst).toBeLessThan(1e-6);
      expect(run.outputs[0]![0]).toBeCloseTo(Math.sqrt(square), 3);
    });
  });
});
