// The losses of a range test over the learning rate as a picture: SVG that needs nothing else.

import { formatNumber } from '../format.js';
import type { LearningRates } from '../optim/rate-range.js';
import { decades, placeOf, scaleOf } from './rate-scale.js';

const size = { width: 720, height: 420 };
const plot = { left: 80, top: 52, right: 700, bottom: 350 };

export function ratesSvg({ points, suggested }: Pick<LearningRates, 'points' | 'suggested'>): string {
  const scale = scaleOf(points);
  const place = (rate: number, loss: number): [string, string] => {
    const { across, up } = placeOf(scale, rate, loss);
    const [x, y] = [plot.left + across * (plot.right - plot.left), plot.bottom - up * (plot.bottom - plot.top)];
    return [x.toFixed(1), y.toFixed(1)];
  };
  const text = (x: number | string, y: number | string, words: string, more = 'text-anchor="middle"'): string =>
    `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const line = (from: readonly [unknown, unknown], to: readonly [unknown, unknown], more: string): string =>
    `<line x1="${from[0]}" y1="${from[1]}" x2="${to[0]}" y2="${to[1]}" ${more}/>`;
  const [low, high] = scale.losses;
  const losses = [0, 1, 2, 3, 4].map((i) => low + ((high - low) * i) / 4);
  const middle = (plot.top + plot.bottom) / 2;
  const parts = [
    text(size.width / 2, 24, 'Loss over the learning rate', 'text-anchor="middle" font-size="16"'),
    ...losses.flatMap((loss) => {
      const [, y] = place(scale.rates[0], loss);
      return [
        line([plot.left, y], [plot.right, y], 'stroke="#ddd"'),
        text(plot.left - 8, y, formatNumber(loss), 'text-anchor="end" dominant-baseline="middle"'),
      ];
    }),
    ...decades(scale.rates).flatMap((rate) => {
      const [x] = place(rate, low);
      return [
        line([x, plot.top], [x, plot.bottom], 'stroke="#ddd"'),
        text(x, plot.bottom + 20, rate.toExponential(0).replace('+', '')),
      ];
    }),
    text((plot.left + plot.right) / 2, size.height - 16, 'learning rate (logarithmic)'),
    text(20, middle, 'loss', `text-anchor="middle" transform="rotate(-90 20 ${middle})"`),
    ...points.map(({ learningRate, loss }) => {
      const [x, y] = place(learningRate, loss);
      return `<circle cx="${x}" cy="${y}" r="2" fill="#9ab"/>`;
    }),
    `<polyline fill="none" stroke="#036" stroke-width="2" points="${points
      .map(({ learningRate, smoothed }) => place(learningRate, smoothed).join(','))
      .join(' ')}"/>`,
  ];
  if (suggested !== undefined) {
    const [x] = place(suggested, low);
    parts.push(
      line([x, plot.top], [x, plot.bottom], 'stroke="#c30" stroke-dasharray="4"'),
      text(x, plot.top - 4, `suggested: ${suggested}`),
    );
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}
