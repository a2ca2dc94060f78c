// What is proposed where memory does not suffice, and the words for it.

import { describe, expect, it } from 'vitest';
import { adviceAfter, adviceWithin, type Memory, needWords } from '#ortune/train/memory-messages.js';
import { batchesWithin, bytesFor, lineThrough, type MemoryNeed } from '#ortune/train/memory-need.js';

const need: MemoryNeed = { weights: 1e9, sums: 2e8, beside: 1e8, activations: { fixed: 0, perSample: 3e8 } };
const again: MemoryNeed = { ...need, activations: { fixed: 5e8, perSample: 5e7 } };
const sixteen = { batchSize: 16, gradientAccumulationSteps: 1 };
const memory: Memory = { need, batches: sixteen, shape: [16, 512] };

describe('the need of a batch', () => {
  it('is a line through two batches that never falls below what was counted', () => {
    expect(lineThrough([8, 1000], [16, 1800])).toEqual({ perSample: 100, fixed: 200 });
    expect(lineThrough([8, 700], [16, 1600])).toEqual({ perSample: 100, fixed: 0 });
    expect(lineThrough([8, 500], [16, 400])).toEqual({ perSample: 0, fixed: 400 });
  });

  it('has the sums of gradients where a step has several batches', () => {
    expect(bytesFor(need, sixteen)).toBe(5.9e9);
    expect(bytesFor(need, { batchSize: 8, gradientAccumulationSteps: 2 })).toBe(3.7e9);
  });

  it.each([
    [4e9, sixteen, { batchSize: 8, gradientAccumulationSteps: 2 }],
    [6e9, sixteen, sixteen],
    [2e9, sixteen, { batchSize: 2, gradientAccumulationSteps: 8 }],
    [1.6e9, sixteen, { batchSize: 1, gradientAccumulationSteps: 16 }],
    [1.5e9, sixteen, undefined],
    // A few samples more where they do not divide.
    [5e9, { batchSize: 17, gradientAccumulationSteps: 1 }, { batchSize: 9, gradientAccumulationSteps: 2 }],
    [4e9, { batchSize: 16, gradientAccumulationSteps: 4 }, { batchSize: 8, gradientAccumulationSteps: 8 }],
  ])('within %d bytes', (bytes, now, expected) => {
    expect(batchesWithin(need, bytes, now)).toEqual(expected);
  });
});

describe('before the first step', () => {
  it('says what is needed, and for what', () => {
    expect(needWords(memory)).toBe(
      'needs about 5.90 GB of memory (weights and optimizer 1.00 GB, activations 4.80 GB for batches of 16 x 512, 100 MB beside)',
    );
  });

  it('proposes a batch that fits, and recomputation where that does', () => {
    expect(adviceWithin(memory, 4e9)).toBe(
      'batchSize 8 fits in 4.00 GB: set batchSize to 8 and gradientAccumulationSteps to 2',
    );
    expect(adviceWithin({ ...memory, again }, 4e9)).toBe(
      'batchSize 8 fits in 4.00 GB: set batchSize to 8 and gradientAccumulationSteps to 2, or recompute to layers (about 2.40 GB)',
    );
  });

  it('says so where not even one sample fits, and what would', () => {
    const even = 'even batchSize 1 needs about 1.60 GB, more than 1.50 GB';
    expect(adviceWithin(memory, 1.5e9)).toBe(
      `${even}: lower maxLength or the size of the images, freeze more of the model, or take a smaller one`,
    );
    expect(adviceWithin({ ...memory, again }, 1.5e9)).toBe(
      `${even}, and with recompute layers about 1.85 GB: lower maxLength or the size of the images, freeze more of the model, or take a smaller one`,
    );
    const little = { ...again, activations: { fixed: 0, perSample: 5e7 } };
    expect(adviceWithin({ ...memory, again: little }, 1.5e9)).toBe(
      `${even}: set recompute to layers with batchSize 4 and gradientAccumulationSteps 4 (about 1.50 GB)`,
    );
    const less = { ...again, activations: { fixed: 0, perSample: 1e7 } };
    expect(adviceWithin({ ...memory, again: less }, 1.5e9)).toBe(`${even}: set recompute to layers (about 1.26 GB)`);
  });
});

describe('after memory did not suffice', () => {
  it('proposes clearly less than what failed', () => {
    expect(adviceAfter(memory)).toBe(
      'Such batches need about 5.90 GB. Set batchSize to 8 and gradientAccumulationSteps to 2 (about 3.70 GB), or maxLength or the size of the images lower.',
    );
    expect(adviceAfter({ ...memory, again })).toContain('(about 3.70 GB), or recompute to layers (about 2.40 GB), or');
  });

  it('proposes what fits into a capacity that is known', () => {
    expect(adviceAfter({ ...memory, capacity: 2.3e9 })).toContain(
      'Set batchSize to 3 and gradientAccumulationSteps to 6 (about 2.20 GB)',
    );
  });

  it('has no smaller batch for one of a single sample', () => {
    const one = { ...memory, batches: { batchSize: 1, gradientAccumulationSteps: 1 } };
    expect(adviceAfter(one)).toBe('Such batches need about 1.40 GB. Set maxLength or the size of the images lower.');
  });
});
