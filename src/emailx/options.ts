/** The job option `emailx`, as a caller writes it and as the job keeps it. */
import { UsageError } from '../core/errors.ts';
import { type EmailxAssumptions, parseEmailxAssumptions } from './assumptions.ts';
import { HostFiles, type HostFilesOptions } from './filespec.ts';

/** The job option `emailx`: what XCALL EMAILX goes by. */
export interface EmailxOptions {
  /** What nobody knows of the original, where a site knows better, and what goes beyond it. */
  readonly assume?: Partial<EmailxAssumptions>;
  /** Devices and accounts of AMOS filespecs. */
  readonly files?: HostFilesOptions;
  /** How the log names this job; `node-` and the process's number without it. */
  readonly jobName?: string;
}

export interface EmailxPolicy {
  readonly assume: EmailxAssumptions;
  readonly files: HostFiles;
  readonly jobName: string;
}

const KNOWN: Readonly<Record<keyof EmailxOptions, true>> = { assume: true, files: true, jobName: true };

/** How a caller writes it. */
const OPTION = 'emailx';

/** @throws UsageError that names the option and what it may be */
export function parseEmailxOptions(given: unknown): EmailxPolicy {
  const options = optionsOf(OPTION, given) as EmailxOptions;
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name)) {
      throw new UsageError(`job option '${OPTION}.${name}' is unknown; there are ${Object.keys(KNOWN).join(', ')}`);
    }
  }
  const assume = parseEmailxAssumptions(optionsOf(`${OPTION}.assume`, options.assume));
  const files = new HostFiles(optionsOf(`${OPTION}.files`, options.files), assume);
  const jobName = options.jobName ?? `node-${process.pid}`;
  if (!/^[\x21-\x7e]{1,40}$/.test(jobName)) {
    throw new UsageError(`${OPTION}.jobName has 1 to 40 characters of ASCII without blanks`);
  }
  return Object.freeze({ assume, files, jobName });
}

function optionsOf(name: string, given: unknown): object {
  if (given === undefined) return {};
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given;
  throw new UsageError(`${name} is an object of options, not ${JSON.stringify(given)}`);
}
