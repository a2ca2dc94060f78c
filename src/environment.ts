// The one place that reads process.env. Everything else takes options; a variable only supplies the default of one.

import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { UsageError } from './errors.js';
import { coreThreads } from './machine.js';

function readThreads(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
    throw new UsageError(`ORTUNE_THREADS must be a whole number from 1 to 1024, found '${text}'`);
  return threads;
}

/** Threads a device uses when no option says: ORTUNE_THREADS, else one for each processor this process may use. */
export const defaultThreads = (): number => readThreads(process.env.ORTUNE_THREADS) ?? coreThreads();

/** The variables of this process, for a thread that is given some of them by hand. */
export const processEnvironment = (): NodeJS.ProcessEnv => process.env;

/**
 * The variables of a process that runs a script by this one's executable: Electron's opens the application instead,
 * unless it is told to be Node.
 */
export const scriptEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...(process.versions.electron !== undefined && { ELECTRON_RUN_AS_NODE: '1' }),
});

/** Instruction set of ortune's kernels: ORTUNE_INSTRUCTION_SET, else undefined for the widest of the processor. */
export const chosenInstructionSet = (): string | undefined => process.env.ORTUNE_INSTRUCTION_SET || undefined;

/** The package manager that started this process, as `pnpm/9.1.0 npm/? node/v22.1.0`: npm_config_user_agent. */
export const packageManagerAgent = (): string | undefined => process.env.npm_config_user_agent || undefined;

/** Keeps the runtime from starting its telemetry in this process; set to 0 by whoever wants it. */
export function disableRuntimeTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

/** Whether text for people has colours on a stream: NO_COLOR, else FORCE_COLOR, else what the terminal can. */
export function wantsColour(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return stream.isTTY === true && stream.hasColors();
}

/** Where models of the hub are kept: ORTUNE_CACHE, else ortune/models in the user's cache directory. */
export function modelCache(): string {
  const { ORTUNE_CACHE, XDG_CACHE_HOME } = process.env;
  return resolve(ORTUNE_CACHE || join(XDG_CACHE_HOME || join(home(), '.cache'), 'ortune', 'models'));
}

/** A user without a name has no home where HOME is not set. */
function home(): string {
  try {
    return homedir();
  } catch {
    throw new UsageError(
      'there is no home directory for the models of the hub: set ORTUNE_CACHE to a directory, or HOME',
    );
  }
}

/** Where models of the hub come from: HF_ENDPOINT, else the Hugging Face hub. It ends with a slash. */
export function hubEndpoint(): string {
  const endpoint = process.env.HF_ENDPOINT || 'https://huggingface.co';
  if (/^https?:/.test(endpoint) && URL.canParse(endpoint)) return endpoint.replace(/\/*$/, '/');
  throw new UsageError(`HF_ENDPOINT must be a URL that begins with http:// or https://, found '${endpoint}'`);
}

/**
 * Bounds of a download: the option's bytes for a model in all, else ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB;
 * ORTUNE_DOWNLOAD_TIMEOUT in seconds for a server that does not answer or sends next to nothing, default 60.
 */
export function downloadLimits(maxBytes?: number): { maxBytes: number; timeoutMs: number } {
  const { ORTUNE_DOWNLOAD_MAX_BYTES: bytes, ORTUNE_DOWNLOAD_TIMEOUT: seconds } = process.env;
  return {
    maxBytes: maxBytes ?? readPositive('ORTUNE_DOWNLOAD_MAX_BYTES', bytes, 2 ** 35),
    timeoutMs: Math.min(1000 * readPositive('ORTUNE_DOWNLOAD_TIMEOUT', seconds, 60), 2 ** 31 - 1),
  };
}

function readPositive(name: string, text: string | undefined, fallback: number): number {
  const number = text ? Number(text) : fallback;
  if (Number.isFinite(number) && number > 0) return number;
  throw new UsageError(`${name} must be a number above 0, found '${text}'`);
}

/** HF_TOKEN, for the Hugging Face hub alone: no other host is shown it. */
export function hubToken(endpoint: string): string | undefined {
  const isHub = new URL(endpoint).origin === 'https://huggingface.co';
  return isHub ? process.env.HF_TOKEN || undefined : undefined;
}

/**
 * Whether the process is to outlive its terminal: bash and zsh leave the program they start in `_`. What nohup asks for
 * cannot be seen otherwise, since Node sets signals back that were ignored.
 */
export const startedByNohup = (): boolean => /(^|\/)nohup$/.test(process.env._ ?? '');

const listOf = (text: string | undefined): string[] => (text ?? '').split(delimiter).filter((part) => part !== '');

/**
 * Folders of LD_LIBRARY_PATH, and the manifests of Vulkan drivers that VK_DRIVER_FILES (or its older name) says to use.
 */
export function loaderPaths(): { libraries: string[]; vulkanFiles: string[] } {
  const { LD_LIBRARY_PATH, VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  return { libraries: listOf(LD_LIBRARY_PATH), vulkanFiles: listOf(VK_DRIVER_FILES || VK_ICD_FILENAMES) };
}
