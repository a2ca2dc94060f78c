// Chats of data files, in the forms that people have.

import { describe, expect, it } from 'vitest';
import { chatOf } from '#ortune/data/read/chats.js';

const read = (row: Record<string, unknown>) => {
  const { values, said } = chatOf(row, { text: 'messages' }, 'a.jsonl:3');
  return { ...(JSON.parse(values.text as string) as object), said };
};
const messages = [
  { role: 'user', content: 'Hello' },
  { role: 'assistant', content: 'Hi' },
];

describe('a chat', () => {
  it('is a list of roles and contents, or the text of one', () => {
    expect(read({ messages })).toEqual({ messages });
    expect(read({ messages: JSON.stringify(messages) })).toEqual({ messages });
  });

  it('has the roles of templates, whatever ShareGPT calls them', () => {
    const conversations = [
      { from: 'system', value: 'Be brief' },
      { from: 'human', value: 'Hello' },
      { from: 'gpt', value: 'Hi' },
    ];
    expect(read({ conversations })).toEqual({
      messages: [{ role: 'system', content: 'Be brief' }, ...messages],
      said: 'roles are read as human: user, gpt: assistant',
    });
  });

  it('keeps tools and the calls of them', () => {
    const calls = [{ function: { name: 'now', arguments: {} } }];
    const row = { messages: [{ role: 'assistant', content: null, tool_calls: calls }], tools: [{ name: 'now' }] };
    expect(read(row)).toEqual({ ...row, said: undefined });
  });
});

describe('what is no chat is refused with its place', () => {
  it.each([
    [{ text: 'x' }, /a\.jsonl:3: no column 'messages'; found 'text'/],
    [{ messages: 'Hello' }, /'messages' must be a list of messages, found 'Hello'/],
    [{ messages: [] }, /must be a list of messages, as in .*, found/],
    [{ messages: ['Hello'] }, /message 1 must have a role and a content/],
    [{ messages: [{ text: 'x' }] }, /message 1 must have a role and a content .*, found the keys 'text'/],
    [{ messages: [messages[0], { role: 'assistant', content: 3 }] }, /message 2 must have a text as its content/],
  ])('%j', (row, message) => {
    expect(() => read(row)).toThrow(message);
  });
});
