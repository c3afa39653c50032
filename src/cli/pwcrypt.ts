/** `tcpx pwcrypt`: an encrypted password for the configuration file of EMAILX. */
import { decodeLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { sealPassword, toDecimal } from '../emailx/pwcrypt.ts';
import { EXIT, type Output } from './exit.ts';
import { chosen, type OptionTable, optionLines, parseOptions } from './option-table.ts';
import { readSecret } from './secret-input.ts';

const OPTIONS = {
  user: {
    type: 'string',
    short: 'u',
    value: 'NAME',
    help: 'the SMTP user that the password belongs to; needed to decrypt it',
  },
  'password-file': { type: 'string', value: 'FILE', help: 'read the password from the one line of this file' },
  'password-env': { type: 'string', value: 'NAME', help: 'read the password from this variable of the environment' },
  format: {
    type: 'string',
    value: 'config|value|decimal',
    help: 'a line for the configuration file (default), the value alone, or the line with character codes',
  },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

export function help(): string {
  return `Usage: tcpx pwcrypt --user NAME [options]

Encrypts a password and prints the line for the configuration file of EMAILX. The password is read from standard
input, at a terminal without echo; it is never an argument.

Options:
${optionLines(OPTIONS)}
The user name is the key: it keeps the password from the eyes of those who see the file, not from those who set out to
get it. Values made by A-Shell's MX_PWCRYPT cannot be read, as its algorithms are not published.

Exit status:
  0    the line was printed
  2    the command line is wrong, or there is no password

Examples:
  tcpx pwcrypt --user shop@example.com >> emailx.cfg
  tcpx pwcrypt --user shop@example.com --password-env SMTP_PASSWORD --format value
`;
}

/** @throws UsageError, which becomes an exit status in one place */
export async function run(args: readonly string[], output: Output): Promise<number> {
  const options = parseOptions(OPTIONS, args);
  if (options.is('help')) {
    output.out(help());
    return EXIT.ok;
  }
  // An argument that is no option could be a password; it is not shown.
  if (options.positionals.length > 0)
    throw new UsageError('there are no arguments; the password is read from standard input');
  const user = options.one('user') ?? '';
  if (user === '') throw new UsageError('--user NAME is needed: the password is encrypted for it');
  const format = chosen('format', options.one('format'), ['config', 'value', 'decimal'] as const) ?? 'config';
  const source = { file: options.one('password-file'), variable: options.one('password-env') };
  const password = await readSecret(source, `Password of ${user}`, true);
  const sealed = sealPassword(password, decodeLatin1(Buffer.from(user, 'utf8')));
  const value = format === 'decimal' ? toDecimal(`\x03${sealed}`) : sealed;
  output.out(`${format === 'value' ? '' : 'PASSWORD = '}${value}\n`);
  return EXIT.ok;
}
