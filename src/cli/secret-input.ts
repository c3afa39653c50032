/** A password for a subcommand: from a file, the environment, standard input or a terminal, never from the arguments. */
import { createReadStream } from 'node:fs';
import { Writable } from 'node:stream';
import { decodeLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';

/** Where it comes from; standard input when neither is set. */
export interface SecretSource {
  /** A file, `-` for standard input. */
  readonly file: string | null;
  /** The name of a variable of the environment. */
  readonly variable: string | null;
}

/** An OAuth 2 token is the longest of them. */
const LONGEST = 16_384;

/**
 * Reads a password, in bytes as Latin-1: the one line of the file or of standard input, without its line end. At a
 * terminal it is asked for without echo, twice with `repeat`.
 *
 * @throws UsageError when there is none, or more than one line; it never shows what was read
 */
export async function readSecret(source: SecretSource, prompt: string, repeat: boolean): Promise<string> {
  const { file, variable } = source;
  if (file !== null && variable !== null) throw new UsageError('--password-file or --password-env, not both');
  if (variable !== null) {
    const value = process.env[variable] ?? '';
    if (value === '') throw new UsageError(`--password-env: the environment has no ${variable}, or it is blank`);
    return oneLine(Buffer.from(value, 'utf8'), `the variable ${variable}`);
  }
  if (file !== null && file !== '-') return oneLine(await contents(file), `the file '${file}'`);
  if (!process.stdin.isTTY) return oneLine(await bytesOf(process.stdin, 'standard input'), 'standard input');
  const [typed = '', again = typed] = await ask(repeat ? [`${prompt}: `, `${prompt} again: `] : [`${prompt}: `]);
  if (again !== typed) throw new UsageError('the two passwords differ');
  return oneLine(Buffer.from(typed, 'utf8'), 'the terminal');
}

async function contents(file: string): Promise<Buffer> {
  try {
    return await bytesOf(createReadStream(file), `the file '${file}'`);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`the password file '${file}' cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

async function bytesOf(stream: AsyncIterable<Buffer>, where: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > LONGEST) throw new UsageError(`${where} holds more than ${LONGEST} bytes, which is no password`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function oneLine(bytes: Buffer, where: string): string {
  const text = decodeLatin1(bytes).replace(/\r?\n$/, '');
  if (text === '') throw new UsageError(`${where} holds no password`);
  if (/[\r\n]/.test(text)) throw new UsageError(`${where} holds more than one line; a password is one`);
  if (text.includes('\0')) throw new UsageError(`${where} holds a NUL, which no password can`);
  return text;
}

/**
 * Asks at the terminal, an answer for each prompt; prompts go to standard error, as the result goes to standard output.
 * One interface for all of them: between two, the terminal would echo.
 */
async function ask(prompts: readonly string[]): Promise<string[]> {
  const { createInterface } = await import('node:readline');
  // What readline would draw is the password.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const end = (signal: NodeJS.Signals) => {
    terminal.close();
    process.kill(process.pid, signal);
  };
  // Node itself gives the terminal its echo back before SIGINT and SIGTERM end the process, and before no other signal.
  // Ahead of the interface, which takes the echo away.
  const hangUp = () => end('SIGHUP');
  process.once('SIGHUP', hangUp);
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  const answers: string[] = [];
  process.stderr.write(prompts[0] ?? '');
  return new Promise((resolve, reject) => {
    terminal.on('line', (line) => {
      answers.push(line);
      process.stderr.write(`\n${prompts[answers.length] ?? ''}`);
      if (answers.length < prompts.length) return;
      resolve(answers);
      terminal.close();
    });
    terminal.once('SIGINT', () => end('SIGINT'));
    terminal.once('close', () => {
      process.off('SIGHUP', hangUp);
      if (answers.length === prompts.length) return;
      process.stderr.write('\n');
      reject(new UsageError('no password was given'));
    });
  });
}
