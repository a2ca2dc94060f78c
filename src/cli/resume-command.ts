// The command that goes on with what was interrupted: the same one, without --overwrite, which would replace what is to
// be gone on with, and for a run with --resume. Printed for people to paste into a POSIX shell.

/**
 * @param args what followed the name of the program
 * @param overwrite the configuration file sets overwrite, so a flag must take it back
 */
export function resumeCommand(args: readonly string[], overwrite: boolean): string {
  const kept = args.filter((arg, i) => {
    const valueOfResume = args[i - 1] === '--resume' && !arg.startsWith('-');
    return !valueOfResume && arg !== '--resume' && !arg.startsWith('--resume=');
  });
  return `${sameCommand(kept, overwrite)} --resume`;
}

/** The command again, such that nothing is replaced; arguments as above. */
export function sameCommand(args: readonly string[], overwrite: boolean): string {
  const kept = args.filter((arg) => arg !== '--overwrite');
  const back = overwrite && !kept.includes('--no-overwrite') ? ['--no-overwrite'] : [];
  return fullCommand([...kept, ...back]);
}

/** The command as it was given. */
export const fullCommand = (args: readonly string[]): string => ['ortune', ...args].map(quote).join(' ');

const quote = (arg: string): string => (/^[\w./:@%+=,-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);
