// Files of this machine that stand in for others while data are open: what was fetched from URLs, or written from
// bytes. Whatever names a sample's place, in a prediction or an error, names what the user gave. Known to the thread
// that made them; the data thread sees paths alone, and its client puts in the names (data-client.ts).

const names = new Map<string, string>();

/** Has a path shown as `name`, until the function that is given back is called. */
export function standIn(path: string, name: string): () => void {
  names.set(path, name);
  return () => names.delete(path);
}

/** A text for the user, with names in place of such paths. */
export function withNames(text: string): string {
  let all = text;
  for (const [path, name] of names) all = all.replaceAll(path, name);
  return all;
}
