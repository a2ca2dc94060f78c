// Chats as one text, by the chat template that comes with a model, and which parts of that text the assistant says. A
// template is a program of others', so it runs in the tokenizing process, within its bounds of time and memory. Where a
// template marks what is generated ({% generation %}), its marks count. Otherwise what each assistant message becomes
// is found by rendering the chat once more with other texts in their place: what stays equal is the template's.

import { Template } from '@huggingface/jinja';
import { isObject, type Json, textOf } from '../../files/json.js';
import { quote, shown } from '../../quote.js';

/** A chat as a row of data has it. */
export interface Conversation {
  messages: readonly Message[];
  tools?: unknown;
}

export type Message = Json & { role: string; content?: unknown };

export interface RenderedChat {
  text: string;
  /** What the assistant says, with the token that ends its turn, from UTF-16 place to place. */
  spoken: [from: number, to: number][];
}

/** No text of a chat has these letters of the private use area. */
const [opening, closing] = ['\ue0f0', '\ue0f1'];
const generationTag = /\{%(-?)\s*(generation|endgeneration)\s*(-?)%\}/g;

export class ChatTemplate {
  readonly #template: Template;
  /** The same with marks where what is generated begins and ends; undefined where it says nothing of that. */
  readonly #marked: Template | undefined;
  readonly #tokens: Json;
  readonly #special: readonly string[];

  /**
   * @param source the template's text
   * @param tokens special tokens by their names, such as bos_token
   * @param special all of them
   * @throws Error for a template that cannot be parsed
   */
  constructor(source: string, tokens: Json, special: readonly string[]) {
    try {
      this.#template = new Template(source);
      const marked = source.replace(generationTag, (_, before: string, tag: string, behind: string) => {
        return `{{${before} "${tag === 'generation' ? opening : closing}" ${behind}}}`;
      });
      this.#marked = marked === source ? undefined : new Template(marked);
    } catch (error) {
      throw new Error(`its chat template cannot be parsed: ${shown((error as Error).message, 500)}`);
    }
    this.#tokens = tokens;
    this.#special = special.filter((token) => token !== '');
  }

  /**
   * The chat, and what of it the assistant says. @throws Error for one that the template refuses or cannot be followed
   */
  render(chat: Conversation): RenderedChat {
    const text = this.#render(chat);
    const spoken = this.#marked ? this.#ofMarks(text, chat) : this.#ofMessages(text, chat);
    const end = this.#endOf(text, chat);
    return { text, spoken: spoken.map(([from, to]) => [from, withEnd(text, from, to, end)]) };
  }

  /** The chat up to where the assistant is to speak: behind the last message of others. */
  prompt(chat: Conversation): string {
    const last = chat.messages.findLastIndex(({ role }) => role !== 'assistant');
    return this.#render({ ...chat, messages: chat.messages.slice(0, last + 1) }, { add_generation_prompt: true });
  }

  #render({ messages, tools }: Conversation, more: object = {}, template = this.#template): string {
    const given = { ...this.#tokens, messages, tools: tools ?? null, documents: null, add_generation_prompt: false };
    try {
      return template.render({ ...given, ...more });
    } catch (error) {
      throw new Error(`the model's chat template fails: ${shown((error as Error).message, 500)}`);
    }
  }

  #ofMarks(text: string, chat: Conversation): [number, number][] {
    const marked = this.#render(chat, {}, this.#marked);
    const spoken: [number, number][] = [];
    let plain = '';
    let from = -1;
    for (const part of marked.split(/([\ue0f0\ue0f1])/)) {
      if (part === opening) from = plain.length;
      else if (part === closing) spoken.push([from, plain.length]);
      else plain += part;
    }
    if (plain !== text) throw new Error('its chat template gives another text where what is generated is marked');
    return spoken;
  }

  #ofMessages(text: string, chat: Conversation): [number, number][] {
    const assistant = chat.messages.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []));
    return this.#byOtherTexts(text, chat, assistant) ?? assistant.map((i) => this.#byBeginnings(text, chat, i));
  }

  /** Undefined where a message does not stand in the text as it is, but for white space around it. */
  #byOtherTexts(text: string, chat: Conversation, assistant: readonly number[]): [number, number][] | undefined {
    if (assistant.some((i) => typeof chat.messages[i]!.content !== 'string')) return undefined;
    const messages = chat.messages.map((message, i) =>
      assistant.includes(i) ? { ...message, content: `${opening}${i}${closing}` } : message,
    );
    const parts = this.#render({ ...chat, messages }).split(/\ue0f0(\d+)\ue0f1/);
    if (parts.length !== 2 * assistant.length + 1 || !text.startsWith(parts[0]!)) return undefined;
    const spoken: [number, number][] = [];
    let at = parts[0]!.length;
    for (let k = 1; k < parts.length; k += 2) {
      const content = chat.messages[Number(parts[k])]!.content as string;
      const next = parts[k + 1]!;
      const isLast = k + 2 === parts.length;
      const found = [content, content.trim(), content.trimStart(), content.trimEnd()].find((form) => {
        if (!text.startsWith(form, at)) return false;
        return isLast ? text.slice(at + form.length) === next : text.startsWith(next, at + form.length);
      });
      if (found === undefined) return undefined;
      spoken.push([at, at + found.length]);
      at += found.length + next.length;
    }
    return spoken;
  }

  /** From where the assistant is asked to speak, to where the chat up to its message ends. */
  #byBeginnings(text: string, chat: Conversation, i: number): [number, number] {
    const before = this.#render({ ...chat, messages: chat.messages.slice(0, i) }, { add_generation_prompt: true });
    const whole = this.#render({ ...chat, messages: chat.messages.slice(0, i + 1) });
    if (text.startsWith(before) && text.startsWith(whole) && whole.length > before.length)
      return [before.length, before.length + whole.slice(before.length).trimEnd().length];
    throw new Error(
      `what the assistant says in message ${i + 1} cannot be found in the text that the chat template makes of the chat: ` +
        'mark it in the template with {% generation %} and {% endgeneration %}',
    );
  }

  /** The special token that ends what the assistant says: that behind a chat which ends there. */
  #endOf(text: string, { messages, ...chat }: Conversation): string | undefined {
    const last = messages.findLastIndex(({ role }) => role === 'assistant');
    if (last < 0) return undefined;
    const whole =
      last === messages.length - 1 ? text : this.#render({ ...chat, messages: messages.slice(0, last + 1) });
    return this.#special.find((token) => whole.trimEnd().endsWith(token));
  }
}

/** Behind the token that ends a turn, where it is the next thing. */
function withEnd(text: string, from: number, to: number, end: string | undefined): number {
  if (end === undefined || text.slice(from, to).endsWith(end)) return to;
  const rest = text.slice(to);
  const at = to + rest.length - rest.trimStart().length;
  return text.startsWith(end, at) ? at + end.length : to;
}

/** The template of a model's files: the default one where there are several. @throws Error where there is none */
export function templateOf(config: Json, file: string | undefined): string {
  const { chat_template: own } = config;
  if (file !== undefined) return file;
  if (typeof own === 'string') return own;
  const named = Array.isArray(own) ? own.filter(isObject) : [];
  const found = textOf((named.find(({ name }) => name === 'default') ?? named[0])?.template);
  if (found !== undefined) return found;
  throw new Error(
    `it names no chat template, which chats need: put one into ${quote('chat_template')} of tokenizer_config.json, or into chat_template.jinja`,
  );
}
