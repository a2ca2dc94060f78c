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

/** Controls but line breaks and tabs, and what turns the direction of the text behind it. */
const obeyed = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;
/** Characters of a message at most: what is longer is a file's content. */
const longest = 100_000;

/**
 * A whole message as it may go to a terminal, whatever is quoted in it: the last guard, of every error and of the
 * command line's one place that writes. The escapes are those of JSON, so JSON stays what it is.
 */
export const printable = (text: string): string => text.replace(obeyed, escapeOf);

/** Text for people: printable, and not endless. */
export const readable = (text: string): string =>
  printable(text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text);
