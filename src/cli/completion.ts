// ortune completion: a script for a shell that completes commands, flags and the values that can be listed. It is made
// of the commands as they are, so it knows what they know; the shell asks no process of ortune when a key is pressed.

import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { execute } from './command.js';
import { addOutputFlags, optionsOf } from './flags.js';

interface CompletedFlag {
  /** '--learning-rate' */
  flag: string;
  /** What stands for the value; undefined for a switch. */
  value: string | undefined;
  /** The value may be left out. */
  optional: boolean;
  choices: readonly string[];
  /** May be given several times. */
  many: boolean;
  description: string;
}

interface CompletedCommand {
  name: string;
  description: string;
  flags: readonly CompletedFlag[];
  /** What may stand as an argument, where that can be listed; else it is a file. */
  words: readonly string[];
}

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
export const shells = Object.keys(scripts) as readonly (keyof typeof scripts)[];

export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .description('print a script that completes commands and flags: source <(ortune completion bash)')
    .argument('<shell>', shells.join(', '));
  addOutputFlags(command).action((shell: string, flags) =>
    execute(flags, async () => {
      const found = shells.find((name) => name === shell);
      if (!found) throw new UsageError(`completion is for ${shells.join(', ')}, found ${quote(shell)}`);
      const script = scripts[found](completedCommands(program));
      return { json: { shell: found, script }, text: script.trimEnd() };
    }),
  );
}

function completedCommands(program: Command): CompletedCommand[] {
  const names = program.commands.map((command) => command.name());
  const words: Readonly<Record<string, readonly string[]>> = { help: names, completion: shells };
  return program.commands.map((command) => ({
    name: command.name(),
    description: short(command.description()),
    flags: [command, ...command.commands].flatMap(flagsOf),
    words: words[command.name()] ?? command.commands.map((inner) => inner.name()),
  }));
}

function flagsOf(command: Command): CompletedFlag[] {
  const known = new Map(optionsOf(command).map((option) => [option.flag, option]));
  return command.options.flatMap(({ long, flags, hidden, description }) => {
    if (hidden || !long) return [];
    const option = known.get(long);
    const [, value] = flags.match(/[<[](.*)[\]>]/) ?? [];
    const { choices = [], many = false } = option ?? {};
    const optional = option?.impliedValue !== undefined;
    return [{ flag: long, value, optional, choices, many, description: short(option?.description ?? description) }];
  });
}

/** The first sentence or half of it, as far as it fits beside a flag. */
function short(description: string): string {
  const [clause = ''] = description.split(/[.;](?:\s|$)/);
  return clause.length > 80 ? `${clause.slice(0, 79).trimEnd()}…` : clause;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bashScript(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, flags, words }) => {
    const values = flags
      .filter(({ choices }) => choices.length > 0)
      .map(({ flag, choices }) => `        ${flag}) words=${quoted(choices.join(' '))} ;;`);
    const inner = values.length > 0 ? [`      case "$before" in`, ...values, '      esac'] : [];
    return [
      `    ${name})`,
      `      flags=${quoted([...flags.map(({ flag }) => flag), '--help'].join(' '))}`,
      ...(words.length > 0 ? [`      words=${quoted(words.join(' '))}`] : []),
      ...inner,
      '      ;;',
    ].join('\n');
  });
  return `# Completion of ortune in bash: source <(ortune completion bash)
_ortune() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command='' flags='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] || { command="\${COMP_WORDS[i]}"; break; }
  done
  case "$command" in
    '') words=${quoted(commands.map(({ name }) => name).join(' '))}; flags='--help --version' ;;
${cases.join('\n')}
  esac
  [[ $word == -* ]] && words="$flags"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _ortune ortune
`;
}

/** Text inside the brackets and behind the colons of a specification of _arguments. */
const zshText = (text: string): string => text.replaceAll(/[\\[\]:]/g, '\\$&');

function zshScript(commands: readonly CompletedCommand[]): string {
  const specification = ({ flag, value, optional, choices, many, description }: CompletedFlag): string => {
    const values = choices.length > 0 ? `(${choices.join(' ')})` : '_files';
    const takes = value === undefined ? '' : `${optional ? '::' : ':'}${zshText(value)}:${values}`;
    return quoted(`${many ? '*' : ''}${flag}[${zshText(description)}]${takes}`);
  };
  const cases = commands.map(({ name, flags, words }) => {
    const rest = quoted(words.length > 0 ? `*:argument:(${words.join(' ')})` : '*:file:_files');
    return `        ${name})\n          _arguments \\\n            ${[...flags.map(specification), rest].join(' \\\n            ')}\n          ;;`;
  });
  const described = commands.map(({ name, description }) => quoted(`${name}:${zshText(description)}`));
  return `#compdef ortune
# Completion of ortune in zsh: source <(ortune completion zsh), or as a file _ortune in a folder of fpath.
_ortune() {
  local state line
  local -a commands
  _arguments -C '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      commands=(
        ${described.join('\n        ')}
      )
      _describe command commands
      ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _ortune ]]; then _ortune "$@"; else compdef _ortune ortune; fi
`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const text = (said: string): string => `'${said.replaceAll(/[\\']/g, '\\$&')}'`;
  const lines = commands.flatMap(({ name, description, flags, words }) => {
    const inside = `complete -c ortune -n ${text(`__fish_seen_subcommand_from ${name}`)}`;
    return [
      `complete -c ortune -n __fish_use_subcommand -f -a ${name} -d ${text(description)}`,
      ...(words.length > 0 ? [`${inside} -f -a ${text(words.join(' '))}`] : []),
      ...flags.map(({ flag, value, optional, choices, description }) => {
        const values = choices.length > 0 ? ` -x -a ${text(choices.join(' '))}` : ' -r';
        return `${inside} -l ${flag.slice(2)}${value === undefined || optional ? '' : values} -d ${text(description)}`;
      }),
    ];
  });
  return `# Completion of ortune in fish: ortune completion fish | source\n${lines.join('\n')}\n`;
}
