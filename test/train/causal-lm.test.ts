// Causal language models through the trainer, end to end: evaluation, rows that texts share, resuming, accumulation,
// and what is refused. causal-families.test.ts has what models of each family learn and write.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { writeDecoder, writtenBy } from '../support/decoders.js';
import { temporaryDirectory } from '../support/temporary.js';
import { newRuns, train } from '../support/train.js';

const directory = temporaryDirectory('causal');
const path = (name: string): string => join(directory, name);
const write = (name: string, text: string): string => {
  writeFileSync(path(name), text);
  return path(name);
};
const golden = writtenBy('gpt2');
const jsonl = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
write('train.jsonl', jsonl(golden.rows));
const texts = [
  'the quick brown fox jumps over the lazy dog',
  'a small bird sings in the old tree – ja, ein kleiner Vogel',
  'how many legs has a dog?',
  'the sun sets in the west and rises in the east, every day',
];
write('texts.jsonl', jsonl(texts.map((text) => ({ text }))));
const gpt2 = writeDecoder(path('gpt2'), 'gpt2');

const config = newRuns(path, {
  task: 'causal-lm',
  model: gpt2,
  promptColumn: 'prompt',
  batchSize: 2,
  sampling: 'sequential',
  learningRate: 1e-2,
  schedule: 'constant',
  warmupRatio: 0,
  weightDecay: 0,
  generateSamples: 0,
});
const ofTexts = { promptColumn: undefined, train: path('texts.jsonl') } as const;

describe('a run', () => {
  it('measures as the saved file is measured, in bits for each byte of the texts', async () => {
    const { result } = await train(config({ ...ofTexts, eval: path('texts.jsonl'), epochs: 4 }));
    const metrics = result.metrics as unknown as Record<string, number>;
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const { loss, perplexity, tokens, samples, bitsPerByte } = metrics as Required<typeof metrics>;
    expect(samples).toBe(4);
    expect(perplexity).toBeCloseTo(Math.exp(loss!), 9);
    // The first token of each text is given and not found, so its bytes do not count; here it is a letter or a word.
    const counted = (loss! * tokens!) / Math.LN2 / bitsPerByte!;
    expect(counted).toBeLessThan(bytes);
    expect(counted).toBeGreaterThan(bytes - 4 * 4);
    const saved = await evaluate({
      task: 'causal-lm',
      model: result.output,
      data: path('texts.jsonl'),
      batchSize: 3,
      threads: 1,
    });
    expect(saved.metrics).toMatchObject({ samples, tokens });
    for (const key of ['loss', 'bitsPerByte'] as const) expect(saved.metrics[key]).toBeCloseTo(metrics[key]!, 4);
  });

  it('learns blocks of running text', async () => {
    const blocks = { packing: 'blocks', maxLength: 16 } as const;
    const { result, warnings } = await train(config({ ...ofTexts, ...blocks, eval: path('texts.jsonl'), epochs: 1 }));
    expect(warnings.join('\n')).not.toMatch(/are cut/);
    const { samples, tokens } = result.metrics as unknown as Record<string, number>;
    expect(samples).toBeGreaterThan(4);
    // All but the first of each block, the last of which may be shorter.
    expect(tokens).toBeLessThanOrEqual(15 * samples!);
    expect(tokens).toBeGreaterThan(15 * (samples! - 1));
  });

  it('learns samples that share rows as it learns them apart', async () => {
    const options = { learningRate: 1e-3, epochs: 3, eval: path('train.jsonl') } as const;
    const apart = await train(config(options));
    const shared = await train(config({ ...options, batchSize: 1, packing: 'samples' }));
    expect(shared.losses).toHaveLength(3);
    for (const [step, loss] of shared.losses.entries()) expect(loss / apart.losses[step]!).toBeCloseTo(1, 5);
    const [one, other] = [apart, shared].map(({ result }) => result.metrics as unknown as Record<string, number>);
    expect(other).toMatchObject({ samples: 2, tokens: one!.tokens });
    for (const key of ['loss', 'bitsPerByte']) expect(other![key]! / one![key]!).toBeCloseTo(1, 5);
    const many = { ...ofTexts, maxLength: 32, packing: 'samples', sampling: 'shuffle', epochs: 2 } as const;
    const [bits, two] = [await train(config(many)), await train(config({ ...many, workers: 2 }))];
    expect(two.bits).toBe(bits.bits);
  });

  it('gives the same bits with two workers, and when it is resumed', async () => {
    const whole = config({ ...ofTexts, sampling: 'shuffle', epochs: 2, saveSteps: 2, saveTotalLimit: 3 });
    const { bits, losses } = await train(whole);
    expect((await train(config({ ...whole, output: path('two'), workers: 2 }))).bits).toBe(bits);
    const resumed = await train({ ...whole, resume: `${whole.output}/checkpoints/step-2` });
    expect(resumed.bits).toBe(bits);
    expect(resumed.losses).toEqual(losses.slice(2));
  });

  it('divides by the counted tokens of all batches of a step', async () => {
    const fixed = { ...ofTexts, maxSteps: 1 } as const;
    const once = await train(config({ ...fixed, batchSize: 4 }));
    const added = await train(config({ ...fixed, batchSize: 1, gradientAccumulationSteps: 4 }));
    expect(Math.abs(added.losses[0]! / once.losses[0]! - 1)).toBeLessThan(1e-6);
  });
});

describe('chats', () => {
  const chats = [
    {
      conversations: [
        { from: 'human', value: 'the quick' },
        { from: 'gpt', value: 'brown fox' },
      ],
    },
    {
      conversations: [
        { from: 'human', value: 'a dog' },
        { from: 'gpt', value: 'has four legs' },
      ],
    },
  ];
  const ofChats = { promptColumn: undefined, messagesColumn: 'messages', train: write('chats.jsonl', jsonl(chats)) };

  it('are learnt where the assistant speaks, by the template of the model', async () => {
    const { result, warnings } = await train(config({ ...ofChats, epochs: 2, eval: path('chats.jsonl') }));
    expect(warnings.join('\n')).toContain('roles are read as human: user, gpt: assistant');
    // 'brown fox', 'has four legs' and twice the end of a turn.
    const spoken = Buffer.byteLength('brown foxhas four legs') + 2 * '<|im_end|>'.length;
    const { loss, tokens, bitsPerByte } = result.metrics as unknown as Record<string, number>;
    expect((loss! * tokens!) / Math.LN2 / bitsPerByte!).toBeCloseTo(spoken, 6);
    const options = { task: 'causal-lm', model: result.output, messagesColumn: 'messages', maxNewTokens: 8 } as const;
    const [said] = await predict({ ...options, threads: 1 }, ['the quick']);
    const [read] = await predict({ ...options, threads: 1 }, { files: [path('chats.jsonl')] });
    expect(said!.text).toBe(read!.text);
  });
});

describe('what cannot be is refused with what to do', () => {
  it.each([
    [{ promptLoss: true, promptColumn: undefined }, /'promptLoss' needs 'promptColumn' or 'messagesColumn'/],
    [{ messagesColumn: 'messages' }, /'promptColumn' and 'messagesColumn' contradict/],
    [{ task: 'masked-lm' }, /'promptColumn' is for task causal-lm/],
    [{ packing: 'blocks' }, /'packing' blocks is for running texts/],
    [{ packing: 'blocks', promptColumn: undefined, streaming: true }, /'packing' and 'streaming' contradict/],
    [{ packing: 'samples', weightColumn: 'weight' }, /'packing' and 'weightColumn' contradict/],
    [{ labelSmoothing: 0.1 }, /'labelSmoothing' is for classes/],
  ] as const)('%j', (options, message) => {
    expect(() => new Trainer(config(options as object))).toThrow(message);
  });

  it('more tokens to write than there are positions', async () => {
    await expect(predict({ model: gpt2, maxNewTokens: 64 }, ['a'])).rejects.toThrow(
      /'maxNewTokens' is 64, and .* has 64 positions/,
    );
  });
});
