/** The subcommands of `tcpx`: each is `NAME.ts` here and a program of its own in `programs/`. */

export const SUBCOMMANDS: ReadonlyMap<string, { readonly summary: string }> = new Map([
  ['exec', { summary: 'run TCPX opcodes from a file, a pipe, the command line or a prompt' }],
  ['mail', { summary: 'send a message, as sendMail and XCALL EMAILX do' }],
  ['pwcrypt', { summary: 'encrypt a password for the configuration of EMAILX' }],
  ['starttls', { summary: 'get to TLS in any protocol: show, check, compare, talk, serve' }],
  ['engines', { summary: 'show which engines are available here' }],
]);
