// What a person sees on a terminal of 60 columns: that something is said soon, that lines fit, and that after Ctrl-C
// the terminal is as it was.

import { beforeAll, expect, it } from 'vitest';
import { describeWhere } from '../support/describe-where.js';
import { smallProblem } from '../support/small-problem.js';
import { noTerminal, type OnTerminal, onTerminal, Screen } from '../support/terminal.js';

const columns = 60;
const bar = /[=-]{5} \d+\/\d+ \|/;

describeWhere(noTerminal, 'on a terminal', () => {
  const { path } = smallProblem();
  /** A run that ends by Ctrl-C, pressed once each of these is on the screen. */
  const run = (name: string, ...presses: RegExp[]) => {
    let [pressed, seen] = [0, 0];
    const args = ['train', '--model', path('encoder'), '--train', path('train.jsonl'), '--output', path(name)];
    return onTerminal([...args, '--epochs', '100000', '--threads', '1'], {
      columns,
      onOutput: (output) => {
        if (!presses[pressed]?.test(output.slice(seen))) return undefined;
        pressed++;
        seen = output.length;
        return '\u0003';
      },
    });
  };
  let once: OnTerminal;
  beforeAll(async () => {
    once = await run('once', bar);
  });

  const expectClean = (output: string): Screen => {
    const screen = new Screen(output);
    expect(screen).toMatchObject({ cursorShown: true, wraps: true });
    expect(screen.lines.at(-1)).toBe('');
    expect(screen.lines.filter((line) => bar.test(line))).toEqual([]);
    return screen;
  };

  it('says what it does before anything is loaded', () => {
    const [first] = new Screen(once.output).lines;
    expect(first).toMatch(/^opening .*encoder, reading .*train\.jsonl$/);
    // A time of a test is no measure: this catches words that wait for the run.
    expect(once.firstMs).toBeLessThan(10_000);
  });

  it('the line of progress fits, with how long it takes', () => {
    const drawn = once.output
      .replaceAll('\u001b[1G', '\n')
      .split(/[\r\n]/)
      .filter((text) => bar.test(text));
    expect(drawn.length).toBeGreaterThan(0);
    for (const text of drawn) expect(new Screen(text).lines[0]).toMatch(/^(?=.{20,60}$).* left(\^C)?$/);
  });

  it('Ctrl-C ends the step, writes a checkpoint and leaves no debris', () => {
    expect(once.code).toBe(130);
    const said = expectClean(once.output).lines.filter((line) => line !== '');
    expect(said.filter((line) => line.startsWith('interrupted: finishing the step under way'))).toHaveLength(1);
    expect(said.at(-1)).toMatch(/^go on with: ortune train .* --resume$/);
  });

  it('a second Ctrl-C ends at once, and leaves none either', async () => {
    const { code, output } = await run('twice', bar, /interrupted/);
    expect(code).toBe(130);
    expectClean(output);
  });
});
