// Chats in the forms that people have: lists of { role, content } (OpenAI, Hugging Face) and of { from, value }
// (ShareGPT), whose roles have other names. A chat becomes one text, JSON of messages and tools, so that it is read,
// hashed and shuffled as any text; what it looks like to a model is its chat template's.

import { DataError } from '../../errors.js';
import { isObject, type Json } from '../../files/json.js';
import { quote } from '../../quote.js';
import type { FormValues } from './forms.js';
import { describe, missingColumn, type Row } from './row.js';

/** What ShareGPT and its kin call roles. */
const roles: Readonly<Record<string, string>> = {
  human: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  function: 'tool',
  observation: 'tool',
};

/** Columns of chats, where the one that was named is not there. */
const others = ['messages', 'conversations', 'conversation'];

/** @param names by role: `text` of the column with the messages, `tools` of what the assistant may call */
export function chatOf(row: Row, names: Readonly<Record<string, string>>, place: string): FormValues {
  const column = [names.text!, ...others].find((name) => Object.hasOwn(row, name));
  if (column === undefined) throw missingColumn(place, names.text!, Object.keys(row));
  const list = parsed(row[column], column, place);
  if (!Array.isArray(list) || list.length === 0)
    throw new DataError(
      `${place}: column ${quote(column)} must be a list of messages, as in [{ role: 'user', content: 'Hello' }], found ${Array.isArray(list) ? 'an empty list' : describe(list)}`,
    );
  const messages = list.map((one, i) => messageOf(one, `${place}: message ${i + 1}`));
  const given = row[names.tools ?? 'tools'];
  const tools = given === undefined || given === null ? undefined : parsed(given, names.tools ?? 'tools', place);
  const renamed = new Set(list.flatMap((one) => renamedRole(one)));
  const said =
    renamed.size > 0
      ? `roles are read as ${[...renamed].map((role) => `${role}: ${roles[role]}`).join(', ')}`
      : undefined;
  return { values: { text: JSON.stringify({ messages, ...(tools !== undefined && { tools }) }) }, said };
}

/** CSV has JSON as a text. */
function parsed(value: unknown, column: string, place: string): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new DataError(`${place}: column ${quote(column)} must be a list of messages, found ${quote(value, 60)}`);
  }
}

const roleOf = (message: Json): unknown => message.role ?? message.from;

function renamedRole(message: unknown): string[] {
  const role = isObject(message) ? roleOf(message) : undefined;
  return typeof role === 'string' && Object.hasOwn(roles, role) ? [role] : [];
}

function messageOf(message: unknown, place: string): Json {
  const role = isObject(message) ? roleOf(message) : undefined;
  if (!isObject(message) || typeof role !== 'string' || role === '')
    throw new DataError(
      `${place} must have a role and a content (or from and value), found ${
        isObject(message)
          ? `the keys ${
              Object.keys(message)
                .map((key) => quote(key, 40))
                .join(', ') || 'of nothing'
            }`
          : describe(message)
      }`,
    );
  const { role: _, from: __, value, content = value, ...more } = message;
  const parts = Array.isArray(content) && content.every((part) => isObject(part));
  const calls = (content === null || content === undefined) && more.tool_calls !== undefined;
  if (typeof content !== 'string' && !parts && !calls)
    throw new DataError(
      `${place} must have a text as its content, found ${content === undefined ? 'none' : describe(content)}`,
    );
  return { role: roles[role] ?? role, ...(content !== undefined && { content }), ...more };
}
