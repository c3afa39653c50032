/** What can stand at the start of a line beside the opcodes: one row each, for the parser, the help and completion. */

export type CommandName =
  | 'XCALL'
  | 'EXPECT'
  | 'DIM'
  | 'SET'
  | 'PRINT'
  | 'USE'
  | 'SOCKETS'
  | 'INFO'
  | 'SLEEP'
  | 'HELP'
  | 'QUIT';

export interface CommandRow {
  readonly name: CommandName;
  readonly usage: string;
  readonly effect: string;
  readonly aliases: readonly string[];
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'XCALL',
    usage: 'XCALL TCPX|TCPCLI|TCPSRV, opcode, status, buffer, sockport, ... or XCALL EMAILX, opflags, cfgfile, ...',
    effect: 'the call as A-Shell has it: literals, symbols of ashell.def and sums of them, variables; nothing is added',
    aliases: [],
  },
  {
    name: 'EXPECT',
    usage: 'EXPECT "text"|/regex/ims [timer=MS]',
    effect: 'reads until it appears, and not a byte more; at most 1 MiB, 30 s unless a timer says otherwise',
    aliases: [],
  },
  {
    name: 'DIM',
    usage: 'DIM name,F|B|I|S|X|SOCKARY[,size]',
    effect: 'makes a variable; status, buffer and sockport are there already and can be made anew',
    aliases: ['MAP1'],
  },
  {
    name: 'SET',
    usage: 'SET name = value',
    effect: 'gives a variable a number or a string',
    aliases: ['LET'],
  },
  { name: 'PRINT', usage: 'PRINT [value, ...]', effect: 'shows values; without any, all variables', aliases: ['?'] },
  {
    name: 'USE',
    usage: 'USE name|number',
    effect: 'makes a socket the current one, by its variable (AS name) or its number',
    aliases: [],
  },
  { name: 'SOCKETS', usage: 'SOCKETS', effect: 'lists the open sockets', aliases: [] },
  {
    name: 'INFO',
    usage: 'INFO [name|number]',
    effect: 'the facts of a socket and of its TLS session',
    aliases: [],
  },
  { name: 'SLEEP', usage: 'SLEEP ms', effect: 'waits', aliases: [] },
  { name: 'HELP', usage: 'HELP [opcode]', effect: 'lists what can be typed', aliases: [] },
  { name: 'QUIT', usage: 'QUIT', effect: 'closes all sockets and leaves', aliases: ['EXIT', 'BYE'] },
];

/** The row of a name or alias, in any case. */
export function commandNamed(name: string): CommandRow | undefined {
  const wanted = name.toUpperCase();
  return COMMANDS.find((row) => row.name === wanted || row.aliases.includes(wanted));
}
