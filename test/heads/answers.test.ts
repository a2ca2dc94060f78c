// The head that scores where answers begin and end: what is kept, added, replaced and refused.

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ensureAnswerHead } from '#ortune/heads/answers.js';
import { openModel } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import { fixture } from '../support/exported.js';
import { run } from '../support/transfer.js';

const open = (file: string) => openModel(join(import.meta.dirname, '../fixtures', file));
const fit = (model: ReturnType<typeof open>) => ensureAnswerHead(model, { seed: 1, config: {} });
const outputsOf = ({ model }: ReturnType<typeof fit>) => graphOf(model).output.map(({ name }) => name);

it.each(['torchscript', 'dynamo'])('a model that has its outputs keeps them: %s', (exporter) => {
  const model = open(`question-answering/bert-${exporter}.onnx`);
  expect(fit(model)).toEqual({ model, change: 'kept', note: undefined });
});

it.each(['torchscript', 'dynamo'] as const)(
  'an encoder gets it, from the vectors of its tokens: %s',
  async (exporter) => {
    const fitted = fit(openModel(fixture('headless', 'distilbert', exporter)));
    expect(fitted.note).toBe('added a head for where answers begin and end, qa_outputs');
    expect(outputsOf(fitted)).toEqual(['start_logits', 'end_logits']);
    const { start_logits: start, end_logits: end } = await run(fitted.model);
    expect([start!.dims, end!.dims]).toEqual([
      [2, 5],
      [2, 5],
    ]);
    expect(start!.data).not.toEqual(end!.data);
  },
);

it('a language model gets it in place of its own', () => {
  const fitted = fit(open('masked-lm/bert-torchscript.onnx'));
  expect(fitted.change).toBe('replaced');
  expect(fitted.note).toMatch(/^replaced the head over every token .* by a head for where answers begin and end/);
  expect(outputsOf(fitted)).toEqual(['start_logits', 'end_logits']);
});

it('a classifier of texts gives no vectors of tokens, and is refused', () => {
  expect(() => fit(open('encoders/bert-torchscript.onnx'))).toThrow(
    /places of answers need an output last_hidden_state, .* found 'logits' of rank 2.*for question answering/,
  );
});
