// Comments are at most 120 columns wide, as the code is: biome wraps code, and leaves comments as they are.
//   node scripts/comment-width.mjs [--write] [FILE...]
// Without files those of src, test, scripts, bench and models. Names the lines that are wider and exits 1; with --write
// wraps them: a paragraph from its first wide line on, a comment behind code onto the line before.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const width = 120;
const source = /^(src|test|scripts|bench|models)\/.*\.(ts|mjs)$/;
const generated = /_pb\.ts$|^test\/fixtures\//;

/** A comment's line: what stands before its text, and the text. */
const commentLine = /^(\s*(?:\/\/|\*(?!\/)) ?)(.*)$/;
/** Lines that begin a paragraph of their own, or stand as they are: list items, tags, what is indented, tables. */
const ownLine = /^(?:@|- |\d+\. |\s|\||$)/;

/** The lines of a text that is wrapped, each behind `prefix`. A word that is too long stands alone. */
function wrap(text, prefix, width) {
  const lines = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines.push(`${lines.pop()} ${word}`);
    else lines.push(prefix + word);
  }
  return lines;
}

/**
 * Where a comment behind code begins, or -1. Whoever writes ' // ' into a string of a line this wide sees it broken.
 */
function trailingComment(line) {
  const at = line.lastIndexOf(' // ');
  return at > 0 && line.slice(0, at).trim() !== '' ? at : -1;
}

const isWide = (line) =>
  line.length > width &&
  (/^\s*(\/\/|\/?\*)/.test(line) || trailingComment(line) >= 0) &&
  // A word that alone is too long, such as an address, cannot be wrapped.
  line
    .trim()
    .replace(/^(\/\/|\/?\*+)\s*/, '')
    .includes(' ');

/** The lines of a file with its comments wrapped. */
export function wrapped(lines) {
  const out = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (!isWide(line)) out.push(line);
    else if (/^\s*\/\*\*? .*\*\/$/.test(line)) out.push(...asBlock(line));
    else if (commentLine.test(line)) {
      const [, prefix, first] = commentLine.exec(line);
      if (/^\s/.test(first)) {
        out.push(line); // Laid out by hand: a formula, a table.
        continue;
      }
      const more = prefix.replace(/\S.*$/, '') + prefix.trim();
      let text = first;
      for (; i + 1 < lines.length; i++) {
        const next = commentLine.exec(lines[i + 1]);
        if (!next || next[1].trimEnd() !== more || ownLine.test(next[2]) || text.endsWith('*/')) break;
        text += ` ${next[2]}`;
      }
      const hanging = /^(- |\d+\. )/.exec(first)?.[0].length ?? 0;
      const [head, ...rest] = wrap(text, prefix, width);
      out.push(head, ...rest.flatMap((part) => part.replace(prefix, prefix + ' '.repeat(hanging))));
    } else {
      const at = trailingComment(line);
      const indent = /^\s*/.exec(line)[0];
      // Before a line that closes a block it would belong to that block.
      if (line[indent.length] === '}') out.push(line);
      else out.push(...wrap(line.slice(at + 4), `${indent}// `, width), line.slice(0, at).trimEnd());
    }
  }
  return out;
}

/** A comment of one line as one of several. */
function asBlock(line) {
  const [, indent, open, text] = /^(\s*)(\/\*\*?) (.*) \*\/$/.exec(line);
  return [indent + open, ...wrap(text, `${indent} * `, width), `${indent} */`];
}

function main() {
  const write = argv.includes('--write');
  const named = argv.slice(2).filter((argument) => argument !== '--write');
  const listed = () => execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n');
  const files = named.length > 0 ? named : listed().filter((file) => source.test(file) && !generated.test(file));
  let wide = 0;
  for (const file of files) {
    const lines = readFileSync(file, 'utf8').split('\n');
    if (!lines.some(isWide)) continue;
    const now = write ? wrapped(lines) : lines;
    if (write) writeFileSync(file, now.join('\n'));
    for (const [i, line] of now.entries()) {
      if (!isWide(line)) continue;
      wide++;
      console.error(`${file}:${i + 1}: a comment of ${line.length} columns; at most ${width}`);
    }
  }
  if (wide > 0) console.error('node scripts/comment-width.mjs --write wraps them');
  return wide > 0 ? 1 : 0;
}

if (argv[1] === fileURLToPath(import.meta.url)) process.exit(main());
