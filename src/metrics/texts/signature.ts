// What a figure was computed with, in sacrebleu's words, so that figures of two papers or programs can be compared.

/** The release whose figures are the same to 1e-6 (test/metrics/texts.test.ts). */
export const sacrebleuVersion = '2.6.0';

export interface Signed {
  readonly signature: string;
}

/** 'var' where texts have several numbers of references. */
export const referenceCount = (counts: ReadonlySet<number>): string =>
  counts.size === 1 ? String([...counts][0]) : 'var';
