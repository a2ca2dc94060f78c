// What the command shares of a terminal: the line of progress that must be gone before anything else is written there
// or the process ends, and the colours of what a line begins with. It loads nothing that draws.

import { styleText } from 'node:util';
import { wantsColour } from '../environment.js';
import { readable } from '../quote.js';

let remove: (() => void) | undefined;

/** A line is on the screen that `away` removes, with the cursor shown again; undefined where it is gone. */
export function onScreen(away: (() => void) | undefined): void {
  remove = away;
}

/** Removes what is on the screen, if anything is. */
export function clearScreen(): void {
  remove?.();
}

const colours = { 'note:': 'yellow', 'ortune:': 'red' } as const;

/**
 * A line for people as it goes to a stream: nothing in it is obeyed by a terminal, and what it begins with has a
 * colour.
 */
export function lineFor(stream: NodeJS.WriteStream, text: string): string {
  const line = `${readable(text)}\n`;
  const start = (Object.keys(colours) as (keyof typeof colours)[]).find((start) => line.startsWith(start));
  if (start === undefined || !wantsColour(stream)) return line;
  return paint(colours[start], start) + line.slice(start.length);
}

/** Text in a colour, or bold. */
export const paint = (style: 'yellow' | 'red' | 'cyan' | 'bold', text: string): string =>
  styleText(style, text, { validateStream: false });
