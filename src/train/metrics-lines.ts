// What of a metrics.jsonl a resumed run keeps: the lines up to the checkpoint's step. A killed run has written more,
// and its last line may be torn; both go, since the resumed run does those steps again.

import { createReadStream } from 'node:fs';

/**
 * The lines of `file` that belong to steps up to `step`, in order, as text in pieces; none where there is no file. A
 * line without a step of its own belongs to the latest step before it. What is not JSON is left out.
 * @throws the system's error when the file is there and cannot be read
 */
export async function* linesUpTo(file: string, step: number): AsyncGenerator<string> {
  let latest = 0;
  const kept = (line: string): boolean => {
    const record = parsed(line);
    if (record === undefined) return false;
    latest = Math.max(latest, record.step ?? 0);
    return (record.step ?? latest) <= step;
  };
  let rest = '';
  for await (const piece of pieces(file)) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    yield lines.filter(kept).map(ended).join('');
  }
  if (kept(rest)) yield ended(rest);
}

const ended = (line: string): string => `${line}\n`;

async function* pieces(file: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function parsed(line: string): { step?: number } | undefined {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null ? record : undefined;
  } catch {
    return undefined;
  }
}
