import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('encoder');

describe('writeEncoder', () => {
  it('writes a directory that a transformers pipeline opens', async () => {
    const tokenizer = buildWordPiece(['buy cheap pills now', 'see you at the meeting'], {
      minFrequency: 1,
      maxLength: 32,
    });
    writeEncoder(directory, { layers: 1, hidden: 16, heads: 2, positions: 32, labels: ['ham', 'spam'], tokenizer });
    const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ model_type: 'bert', num_labels: 2, id2label: { 0: 'ham', 1: 'spam' } });
    expect(config.vocab_size).toBe(Object.keys(tokenizer.tokenizer.model.vocab).length);
    env.allowRemoteModels = false;
    const classify = await pipeline('text-classification', directory, { dtype: 'fp32' });
    const [answer] = (await classify('cheap pills')) as { label: string; score: number }[];
    expect(['ham', 'spam']).toContain(answer!.label);
    expect(answer!.score).toBeGreaterThan(0.4);
  });

  it.each([
    ['language-model', 'BertForMaskedLM'],
    ['none', 'BertModel'],
  ] as const)('names the architecture of head %s, and no classes', (head, name) => {
    writeEncoder(join(directory, head), { layers: 1, hidden: 16, heads: 2, positions: 32, vocabulary: 20, head });
    const config = JSON.parse(readFileSync(join(directory, head, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ architectures: [name], vocab_size: 20 });
    expect(config).not.toHaveProperty('id2label');
  });
});
