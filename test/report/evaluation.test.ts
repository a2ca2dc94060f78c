import { describe, expect, it } from 'vitest';
import { ClassificationMetrics } from '#ortune/metrics/classification.js';
import { type Metrics, taskNamed } from '#ortune/tasks/tasks.js';

const evaluationText = (result: Metrics): string =>
  taskNamed('perplexity' in result ? 'masked-lm' : 'image-classification').report(result);

/** The result of samples given as [class, prediction] ids. */
function resultOf(labels: string[], samples: [number, number][]) {
  const metrics = new ClassificationMetrics(labels);
  for (const [target, predicted] of samples) {
    const logits = labels.map((_, c) => (c === predicted ? 1 : 0));
    metrics.add(logits, [target]);
  }
  return metrics.result();
}
const times = (n: number, sample: [number, number]): [number, number][] => Array(n).fill(sample);

describe('evaluationText', () => {
  it('shows the figures, a row per class and the confusion matrix', () => {
    const result = resultOf(['ham', 'spam'], [...times(6, [0, 0]), ...times(2, [0, 1]), ...times(4, [1, 1])]);
    expect(evaluationText(result).split('\n')).toEqual([
      expect.stringMatching(
        /^12 samples: loss \d\.\d+, accuracy 0\.8333, precision 0\.6667, recall 1, f1 0\.8000, mcc /,
      ),
      '',
      'class          precision  recall      f1  samples',
      'ham               1.0000  0.7500  0.8571        8',
      'spam              0.6667  1.0000  0.8000        4',
      'macro mean        0.8333  0.8750  0.8286       12',
      'weighted mean     0.8889  0.8333  0.8381       12',
      'precision, recall and f1 above are those of spam',
      '',
      'samples by class (rows) and prediction (columns)',
      '      ham  spam',
      'ham     6     2',
      'spam    0     4',
    ]);
  });

  it('says which classes have no sample, and that the means leave out those that do not occur', () => {
    const lines = (samples: [number, number][], labels = ['a', 'b', 'c', 'd']) =>
      evaluationText(resultOf(labels, samples)).split('\n');
    const all = lines([...times(2, [0, 0]), [3, 3]]);
    expect(all).toContain('macro mean        1.0000  1.0000  1.0000        3');
    expect(all).toContain(
      '2 of 4 classes have no sample: b, c; one that is not predicted either is no part of the means',
    );
    expect(
      lines([
        [0, 0],
        [1, 1],
        [2, 2],
        [2, 3],
      ]),
    ).toContain('1 of 4 classes have no sample: d');
    expect(
      lines(
        [
          [0, 0],
          [1, 1],
        ],
        ['a', 'b'],
      ).join(),
    ).not.toMatch(/no sample/);
    const many = Array.from({ length: 30 }, (_, c) => `c${c}`);
    expect(lines([[0, 0]], many)).toContain(
      '29 of 30 classes have no sample; one that is not predicted either is no part of the means',
    );
  });

  it('stays on one screen with many classes of long names', () => {
    const labels = Array.from({ length: 80 }, (_, c) => `intent\nnumber ${c} of an assistant that knows a lot`);
    const samples = labels.flatMap((_, c) => [...times(c + 1, [c, c]), ...times(80 - c, [c, (c + 1) % 80])]);
    const lines = evaluationText(resultOf(labels, samples)).split('\n');
    expect(lines.length).toBeLessThanOrEqual(40);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(lines).toContain('the 20 most frequent of 80 classes');
    expect(lines.at(-10)).toMatch(/^intent number 0 of an a… as intent number 1 of an a…\s+80$/);
  });

  it('keeps ten columns beside their labels', () => {
    const labels = Array.from({ length: 10 }, (_, c) => `${c} is the name of a class`);
    const lines = evaluationText(resultOf(labels, [[0, 1]])).split('\n');
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it('says when many classes have no mistakes', () => {
    const labels = Array.from({ length: 30 }, (_, c) => `c${c}`);
    const text = evaluationText(
      resultOf(
        labels,
        labels.map((_, c) => [c, c]),
      ),
    );
    expect(text.split('\n').at(-1)).toBe('no mistakes');
  });
});
