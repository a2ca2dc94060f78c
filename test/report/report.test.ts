import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatNumber } from '#ortune/format.js';
import { alignRows, metricsLine } from '#ortune/report/metrics.js';
import { type Progress, ProgressLine } from '#ortune/report/progress.js';

describe('formats', () => {
  it('writes durations as minutes or hours', () => {
    expect([0, 75, 3700, -3].map(formatDuration)).toEqual(['0:00', '1:15', '1:01:40', '0:00']);
  });

  it('writes numbers with three significant digits', () => {
    const numbers = [0, 3, 0.05123, 1.2345, 123.4, 5e-5, 1234567, Number.NaN];
    expect(numbers.map(formatNumber)).toEqual(['0', '3', '0.0512', '1.23', '123', '5.00e-5', '1.23e6', 'NaN']);
  });

  it('writes counts and bytes with their unit', () => {
    expect([1234, 13_800_000, 2.5e9].map(formatCount)).toEqual(['1,234', '13.8 million', '2.5 billion']);
    expect([900e6, 1.25e9].map(formatBytes)).toEqual(['900 MB', '1.25 GB']);
  });
});

describe('metricsLine', () => {
  it('names the scalars and leaves out lists and counts', () => {
    expect(metricsLine({ samples: 9, loss: 0.5, accuracy: 0.9841, macro: {}, classes: [1], positive: 'spam' })).toBe(
      'loss 0.5000, accuracy 0.9841',
    );
  });
});

describe('alignRows', () => {
  it('puts text left and numbers right', () => {
    expect(
      alignRows([
        ['a', '1.0'],
        ['long', '10.0'],
      ]),
    ).toBe('a      1.0\nlong  10.0');
    expect(alignRows([])).toBe('');
  });
});

describe('ProgressLine', () => {
  const at = (step: number): Progress => ({
    step,
    totalSteps: 100,
    loss: 0.5,
    learningRate: 5e-5,
    samplesPerSecond: 123.4,
    secondsLeft: 75,
  });
  const fake = (isTTY: boolean) => {
    const write = (text: string) => {
      stream.text += text;
      return true;
    };
    const stream = { isTTY, columns: 120, text: '', write };
    return stream as typeof stream & NodeJS.WriteStream;
  };

  it('prints plain lines at intervals, and the last step, where the stream is no terminal', () => {
    const stream = fake(false);
    let now = 0;
    const line = new ProgressLine(stream, () => now);
    for (let step = 1; step <= 100; step++) {
      now = step * 100;
      line.update(at(step));
    }
    const lines = stream.text.trim().split('\n');
    expect(lines.map((l) => l.split(' | ')[0])).toEqual(['step 1/100', 'step 51/100', 'step 100/100']);
    expect(lines[0]).toBe('step 1/100 | loss 0.5000 | lr 5.00e-5 | 123 samples/s | 1:15 left');
  });

  it('shows a download, and the first step at once after it', () => {
    const stream = fake(false);
    const line = new ProgressLine(stream, () => 0);
    const file = { model: 'acme/tiny', file: 'onnx/model.onnx' };
    line.download({ ...file, loadedBytes: 12e6, totalBytes: 268e6 });
    line.download({ ...file, loadedBytes: 24e6, totalBytes: 268e6 });
    line.download({ ...file, loadedBytes: 268e6, totalBytes: 268e6 });
    line.download({ ...file, file: 'config.json', loadedBytes: 400 });
    line.download({ ...file, file: 'config.json', loadedBytes: 500, totalBytes: 500 });
    line.update(at(1));
    expect(stream.text.trim().split('\n')).toEqual([
      'downloading onnx/model.onnx of acme/tiny | 12 MB of 268 MB',
      'downloaded onnx/model.onnx of acme/tiny (268 MB)',
      'downloading config.json of acme/tiny | 1 kB',
      'downloaded config.json of acme/tiny (1 kB)',
      'step 1/100 | loss 0.5000 | lr 5.00e-5 | 123 samples/s | 1:15 left',
    ]);
  });

  it('keeps one line on a terminal, with messages above it', () => {
    const stream = fake(true);
    const terminal = Object.assign(stream, { cursorTo: () => true, clearLine: () => true, moveCursor: () => true });
    const line = new ProgressLine(terminal);
    line.download({ model: 'acme/tiny', file: 'onnx/model.onnx', loadedBytes: 67e6, totalBytes: 268e6 });
    line.download({ model: 'acme/tiny', file: 'onnx/model.onnx', loadedBytes: 268e6, totalBytes: 268e6 });
    line.update(at(1));
    line.message('eval: accuracy 0.9');
    line.update(at(2));
    line.stop();
    expect(stream.text).toContain('loss 0.5000 | lr 5.00e-5 | 123 samples/s | 1:15 left');
    expect(stream.text).toContain('eval: accuracy 0.9\n');
    expect(stream.text).toContain('67 MB of 268 MB | onnx/model.onnx of acme/tiny');
  });
});
