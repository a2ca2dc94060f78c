import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';

const texts = [
  'The trainer trains the training graph. Trained weights are written back.',
  'A graph is trained on batches; the batches are tokenised by workers.',
  'Café au lait, cafés and CAFE: retraining the trainers takes training time!',
];
const files = buildWordPiece(texts, { vocabulary: 120, minFrequency: 1, maxLength: 64 });
const tokenizer = new Tokenizer(files.tokenizer, files.config);

describe('buildWordPiece', () => {
  it('puts the special tokens first and keeps to the size', () => {
    const vocabulary = Object.entries(files.tokenizer.model.vocab);
    expect(vocabulary.slice(0, 5).map(([piece]) => piece)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
    expect(vocabulary).toHaveLength(120);
    expect(vocabulary.map(([, id]) => id)).toEqual(vocabulary.map((_, i) => i));
  });

  it('is opened by the tokenizers library and learns frequent words whole', () => {
    expect(tokenizer.encode('The training').tokens).toEqual(['[CLS]', 'the', 'training', '[SEP]']);
  });

  it('splits unseen words into known pieces and folds case and accents', () => {
    const { tokens } = tokenizer.encode('retrained CAFÉ');
    expect(tokens).not.toContain('[UNK]');
    expect(tokens.join('').replaceAll('##', '')).toBe('[CLS]retrainedcafe[SEP]');
  });

  it('leaves no unknown pieces in the texts it was learnt from', () => {
    for (const text of texts) expect(tokenizer.encode(text).tokens).not.toContain('[UNK]');
  });

  it('gives the same vocabulary for the same texts', () => {
    expect(buildWordPiece(texts, { vocabulary: 120, minFrequency: 1, maxLength: 64 })).toEqual(files);
  });

  it('records the longest input', () => {
    expect(files.config.model_max_length).toBe(64);
  });

  it('refuses a vocabulary without room and texts without words', () => {
    expect(() => buildWordPiece(texts, { vocabulary: 6 })).toThrow(
      /'vocabulary' must be a whole number above 6, found 6/,
    );
    expect(() => buildWordPiece(['', '  '])).toThrow(/no words to learn a vocabulary from/);
  });
});
