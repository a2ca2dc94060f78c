// What comes from files or users as it stands in messages: names, labels, cells, paths. Control characters would reach
// the terminal as commands, and a megabyte of a damaged file would bury the message, so both are shown in short.

/** Characters that a terminal or an editor obeys instead of showing: controls, formats, separators of lines. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escapeOf = (character: string): string => {
  const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
  return short ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
};

/** `text` with characters that cannot be seen as escapes, and no more than `most` UTF-16 units of it. */
export function shown(text: string, most = 200): string {
  const cut = text.length > most;
  const front = cut ? text.slice(0, most).replace(/[\ud800-\udbff]$/, '') : text;
  return front.replace(unseen, escapeOf) + (cut ? `… (${text.length} characters)` : '');
}

/** The same in single quotes, as names stand in messages. */
export const quote = (text: string, most?: number): string => `'${shown(text, most)}'`;
