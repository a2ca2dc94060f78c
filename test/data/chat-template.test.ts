// Chats by templates in the styles of well-known models: the text, and which parts of it the assistant says.

import { describe, expect, it } from 'vitest';
import { ChatTemplate, templateOf } from '#ortune/data/tokenizer/chat.js';

const special = ['<s>', '</s>', '<|im_start|>', '<|im_end|>', '<|eot_id|>', '<end_of_turn>', '<start_of_turn>'];
const tokens = { bos_token: '<s>', eos_token: '</s>' };
const templates = {
  chatml:
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  llama2:
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content.strip() + ' [/INST]' }}" +
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content.strip() + ' ' + eos_token }}" +
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}",
  gemma:
    "{{ bos_token }}{% for m in messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}" +
    "{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
  // What was thought is left out of all answers but the last.
  thinking:
    "{% for m in messages %}{% set content = m.content %}{% if m.role == 'assistant' and not loop.last %}" +
    "{% set content = m.content.split('</think>')[-1].lstrip('\n') %}{% endif %}" +
    "{{ '<|im_start|>' + m.role + '\n' + content + '<|im_end|>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  marked:
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n' }}{%- generation %}" +
    "{{ m.content + '<|im_end|>' }}{% endgeneration -%}\n{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}",
  // Nothing ends what the assistant says, and what follows begins with a special token.
  unended:
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
};
const templateNamed = (name: keyof typeof templates) => new ChatTemplate(templates[name], tokens, special);

const chat = {
  messages: [
    { role: 'user', content: 'Hello?' },
    { role: 'assistant', content: 'Hello? you ask. Hello! ' },
    { role: 'user', content: 'Hello! ' },
    { role: 'assistant', content: 'Bye.\n' },
  ],
};
const spokenBy = (name: keyof typeof templates, of: Parameters<ChatTemplate['render']>[0] = chat): string[] => {
  const { text, spoken } = templateNamed(name).render(of);
  return spoken.map(([from, to]) => text.slice(from, to));
};

describe('what the assistant says', () => {
  it.each([
    ['chatml', ['Hello? you ask. Hello! <|im_end|>', 'Bye.\n<|im_end|>']],
    ['llama2', ['Hello? you ask. Hello! </s>', 'Bye. </s>']],
    ['gemma', ['Hello? you ask. Hello!<end_of_turn>', 'Bye.<end_of_turn>']],
    ['marked', ['Hello? you ask. Hello! <|im_end|>', 'Bye.\n<|im_end|>']],
    ['unended', ['Hello? you ask. Hello! ', 'Bye.\n']],
  ] as const)('is found in %s, with the token that ends it', (name, expected) => {
    expect(spokenBy(name)).toEqual(expected);
  });

  it('stands where it stands, though others say the same', () => {
    const { text, spoken } = templateNamed('chatml').render(chat);
    for (const [from] of spoken) expect(text.slice(0, from).endsWith('<|im_start|>assistant\n')).toBe(true);
  });

  it('is found where the template leaves a part of it out', () => {
    const thought = {
      messages: [
        { role: 'user', content: 'Two and two?' },
        { role: 'assistant', content: '<think>It is easy.</think>\nFour.' },
        { role: 'user', content: 'Sure?' },
        { role: 'assistant', content: '<think>Yes.</think>\nYes.' },
      ],
    };
    expect(() => spokenBy('thinking', thought)).toThrow(/message 2 cannot be found .*\{% generation %\}/);
    const last = { messages: [thought.messages[0]!, thought.messages[3]!] };
    expect(spokenBy('thinking', last)).toEqual(['<think>Yes.</think>\nYes.<|im_end|>']);
  });

  it('is nothing where the assistant is silent', () => {
    expect(spokenBy('chatml', { messages: [chat.messages[0]!] })).toEqual([]);
  });
});

describe('a prompt', () => {
  it('asks the assistant to answer the last message of others', () => {
    const text = templateNamed('gemma').prompt(chat);
    expect(text.endsWith('<start_of_turn>user\nHello!<end_of_turn>\n<start_of_turn>model\n')).toBe(true);
  });
});

describe('what cannot be is said', () => {
  it('a role that the template refuses', () => {
    const system = { messages: [{ role: 'system', content: 'Be brief.' }, ...chat.messages] };
    expect(() => spokenBy('llama2', system)).toThrow(
      /chat template fails: Only user and assistant roles are supported!/,
    );
  });

  it('a template that is none, or fails', () => {
    expect(() => new ChatTemplate('{% for m in %}', tokens, special)).toThrow(/chat template cannot be parsed: /);
    const failing = new ChatTemplate('{{ messages[0].content.nothing() }}', tokens, special);
    expect(() => failing.render(chat)).toThrow(/chat template fails: /);
  });

  it('no template', () => {
    expect(() => templateOf({}, undefined)).toThrow(
      /no chat template, .* tokenizer_config.json, or into chat_template.jinja/,
    );
    const named = [
      { name: 'tool_use', template: 'b' },
      { name: 'default', template: 'a' },
    ];
    expect(templateOf({ chat_template: named }, undefined)).toBe('a');
    expect(templateOf({ chat_template: 'x' }, 'file')).toBe('file');
  });
});
