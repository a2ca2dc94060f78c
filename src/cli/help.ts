// Help: how it is laid out and coloured, and `ortune help COMMAND OPTION`, which says all there is to know of one
// option. Texts and headings are those of the schemas.

import { type Command, Option as Flag, type Help, type HelpConfiguration } from 'commander';
import { show } from '../config/explain.js';
import type { Option } from '../config/options.js';
import { wantsColour } from '../environment.js';
import { UsageError } from '../errors.js';
import { nearest } from '../nearest.js';
import { quote } from '../quote.js';
import { paint } from '../report/screen.js';
import { execute } from './command.js';
import { addOutputFlags, generalHeading, optionsOf, termOf } from './flags.js';

const widest = 110;
/** Below, what an item means stands under it, not beside it. */
const narrow = 80;

const layout: HelpConfiguration = {
  helpWidth: Math.min(process.stdout.columns ?? widest, widest),
  styleTitle: (text) => paint('bold', text),
  styleOptionTerm: (text) => paint('cyan', text),
  styleSubcommandTerm: (text) => paint('cyan', text),
};

/** Under a narrow terminal two columns would leave no room for the second. */
function formatNarrow(this: Help, term: string, _width: number, description: string, help: Help): string {
  const width = help.helpWidth ?? narrow;
  return description ? `  ${term}\n${help.boxWrap(description, width - 6).replace(/^/gm, '      ')}` : `  ${term}`;
}

/** Lays out the help of a program and of the commands that are added to it later. */
export function layOutHelp(program: Command): Command {
  const { helpWidth = widest } = layout;
  return program
    .configureHelp(helpWidth < narrow ? { ...layout, formatItem: formatNarrow } : layout)
    .configureOutput({
      getOutHasColors: () => wantsColour(process.stdout),
      getErrHasColors: () => wantsColour(process.stderr),
    })
    .addHelpOption(new Flag('-h, --help', 'show this').helpGroup(generalHeading))
    .helpCommand(false);
}

/** Adds `help [command] [option]`. */
export function addHelp(program: Command): void {
  const command = program
    .command('help')
    .description('show help of a command, or of one of its options: ortune help train learning-rate')
    .argument('[command]')
    .argument('[option]', 'flag, key, or what it is called elsewhere')
    // The flag that is asked about is none of this command.
    .allowUnknownOption();
  addOutputFlags(command).action((name: string | undefined, option: string | undefined, flags) =>
    execute(flags, async () => {
      const about = name === undefined ? program : commandNamed(program, name);
      if (option !== undefined) {
        const found = optionNamed(about, option);
        return { json: found, text: optionText(about, found) };
      }
      if (!flags.json) about.outputHelp();
      return { json: { help: about.helpInformation() } };
    }),
  );
}

function commandNamed(program: Command, name: string): Command {
  const found = program.commands.find((one) => one.name() === name);
  if (found) return found;
  const names = program.commands.map((one) => one.name());
  const close = nearest(
    name,
    names.map((key) => ({ key, aliases: [] })),
  );
  throw new UsageError(
    `there is no command ${quote(name)}; ${close ? `did you mean '${close}'?` : `there are ${names.join(', ')}`}`,
  );
}

function optionNamed(command: Command, name: string): Option {
  const options = optionsOf(command);
  const bare = name.replace(/^--(no-)?/, '');
  const exact = options.find(
    ({ key, flag, aliases }) => key === bare || flag === `--${bare}` || aliases.includes(bare),
  );
  const found = exact ?? options.find(({ key }) => key === nearest(bare, options));
  if (found) return found;
  throw new UsageError(`ortune ${command.name()} has no option ${quote(name)}: see ortune ${command.name()} --help`);
}

/** All there is to know of an option. */
export function optionText(command: Command, option: Option): string {
  const { key, flag, kind, many, impliedValue, aliases, changesNothing } = option;
  const facts = {
    takes: option.expects + (many ? '; may be given several times' : ''),
    default: option.required ? 'none: it must be given' : option.default === undefined ? '' : show(option.default),
    'without a value': impliedValue ?? '',
    'turned off by': kind === 'boolean' ? flag.replace('--', '--no-') : '',
    'in a file': `${key.replace('.', ': { ')}: ...${key.includes('.') ? ' }' : ''}`,
    elsewhere: aliases.join(', '),
    resuming: changesNothing ? 'may differ from the run that is gone on with' : '',
  };
  const rows = Object.entries(facts).filter(([, fact]) => fact !== '');
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    `ortune ${command.name()} ${termOf(option)}`,
    '',
    option.description,
    '',
    ...rows.map(([name, fact]) => `  ${name.padEnd(width)}${fact}`),
  ].join('\n');
}
