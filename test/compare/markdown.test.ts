import { describe, expect, it } from 'vitest';
import { comparisonMarkdown, comparisonText } from '#ortune/compare/markdown.js';
import type { CompareResult } from '#ortune/compare/result.js';
import { type Measured, tabulate } from '#ortune/compare/tabulate.js';
import { measuredRun } from './runs.js';

const resultOf = (runs: Measured[], interrupted = false): CompareResult => ({
  metric: 'accuracy',
  strategies: tabulate(runs, 'accuracy'),
  output: 'o',
  interrupted,
});
const scratch = [0.5, 0.7].map((value, seed) => measuredRun('scratch', { seed, value, curve: { 10: value } }));
const frozen = [0.5, 0.51].map((value, seed) => measuredRun('frozen', { seed, value, curve: { 10: value } }));

describe('the table of a comparison', () => {
  it('has a row for each strategy: mean and spread, range, what is trained and what it costs', () => {
    expect(comparisonText(resultOf([...frozen, ...scratch])).split('\n')).toEqual([
      "strategy         accuracy             range  trained  parameters  seconds  steps   FLOPs  to scratch's",
      'frozen    0.5050 ± 0.0071  0.5000 to 0.5100       66      17,762        2     10  3.0e+9         never',
      'scratch   0.6000 ± 0.1414  0.5000 to 0.7000       66      17,762        2     10  3.0e+9            10',
      '',
      'accuracy: mean ± sample standard deviation and range over 2 seeds; seconds, steps and floating-point operations of a run; ' +
        "to scratch's: steps until the evaluations are where scratch ends",
    ]);
  });

  it('is Markdown, too', () => {
    const lines = comparisonMarkdown(resultOf([...frozen, ...scratch])).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      "| strategy | accuracy | range | trained | parameters | seconds | steps | FLOPs | to scratch's |",
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      '| frozen | 0.5050 ± 0.0071 | 0.5000 to 0.5100 | 66 | 17,762 | 2 | 10 | 3.0e+9 | never |',
    ]);
    expect(lines.slice(4, 6)).toEqual(['', expect.stringContaining('over 2 seeds')]);
  });

  it('of one seed has no spread', () => {
    const text = comparisonText(resultOf([frozen[0]!]));
    expect(text).toMatch(/^frozen {6}0\.5000 {2}0\.5000 to/m);
    expect(text).toContain('\naccuracy: of 1 seed; seconds, steps and floating-point operations of a run');
  });

  it('says that runs are missing', () => {
    expect(comparisonText(resultOf([...frozen, scratch[0]!], true))).toMatch(
      /range over 1 to 2 seeds; [^\n]*\nInterrupted: not every run has ended\.$/,
    );
    expect(comparisonText(resultOf([], true))).toBe('no run has ended yet');
  });
});
