import { describe, expect, it } from 'vitest';
import { searchMarkdown, searchText } from '#ortune/search/markdown.js';
import type { SearchResult } from '#ortune/search/result.js';

const result: SearchResult = {
  metric: 'accuracy',
  trials: [
    { name: 'trial-b', chosen: { learningRate: 0.001, adapter: null }, value: 0.9, steps: 90, seconds: 12 },
    { name: 'trial-a', chosen: { learningRate: 0.1, adapter: 'lora' }, steps: 30, seconds: 4, failed: 'step 3' },
  ],
  best: {
    name: 'trial-b',
    chosen: { learningRate: 0.001, adapter: null },
    value: 0.9,
    output: 'o/trial-b/model',
    config: 'o/run.yaml',
  },
  importance: { learningRate: 0.714, adapter: 0 },
  steps: 1120,
  output: 'o',
  interrupted: false,
};

describe('the table of a search', () => {
  it('has a row for each trial, and says what the figures are and the options matter', () => {
    const lines = searchText(result).split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'trial    learningRate   adapter  accuracy  steps  seconds',
      'trial-b         0.001  left out    0.9000     90       12',
      'trial-a           0.1      lora  diverged     30        4',
      '',
      'accuracy: of the evaluation data. 1,120 steps in all.',
    ]);
    expect(lines[5]).toMatch(/^importance: learningRate 71 %, adapter 0 %\. The share of the variance of accuracy/);
    expect(lines[6]).toMatch(/^best: trial-b, accuracy 0\.9000; the data that chose it flatter it, so measure it/);
    expect(lines[7]).toBe('its model: o/trial-b/model; its options: ortune train o/run.yaml');
    expect(lines).toHaveLength(8);
  });

  it('has the figure of the test data, how halving went on, and what is missing', () => {
    const { output: _, ...best } = result.best!;
    const text = searchText({ ...result, best: { ...best, test: 0.85 }, halving: { goesOn: true }, interrupted: true });
    expect(text).toContain('halving: a trial goes on from its checkpoint');
    expect(text).toContain('flatter it: on the test data it has 0.8500.');
    expect(text).toContain('its model was not kept, since another trial was the best when it ended: ortune train');
    expect(text).toMatch(/Interrupted: not every trial has ended\.$/);
    const anew = searchText({ ...result, halving: { goesOn: false, reason: 'so' } });
    expect(anew).toContain('begun anew: so.');
    expect(searchText({ ...result, trials: [] })).toBe('no trial has ended yet');
  });

  it('is Markdown, too', () => {
    expect(searchMarkdown(result).split('\n').slice(0, 3)).toEqual([
      '| trial | learningRate | adapter | accuracy | steps | seconds |',
      '| --- | ---: | ---: | ---: | ---: | ---: |',
      '| trial-b | 0.001 | left out | 0.9000 | 90 | 12 |',
    ]);
  });
});
