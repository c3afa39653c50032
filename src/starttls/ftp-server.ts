/**
 * FTP as a server: one file to read behind a login that any name opens, inside TLS only, by passive data connections that
 * are TLS as well. REIN and CCC, which lead back into clear, are refused.
 */
import type { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { DataPorts } from './beside.ts';
import { type Channel, ChannelError } from './channel.ts';
import type { ServerDialogue, Session } from './dialect.ts';
import { CLOSED, commandLineOp, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import type { Wire } from './wire.ts';

const LONGEST_COMMAND = 4_096;
/** How long the client may take to make a data connection and to empty it, in ms. */
const DATA_PATIENCE = 10_000;

const FILE = {
  name: 'readme.txt',
  text: 'You have read this over a connection that TLS protects.\r\n',
  date: '20260101000000',
};

function features({ encrypted, attack }: Session): readonly string[] {
  const trigger = attack === 'omit' ? [] : [attack === 'rename' ? 'XXXXXXXA' : 'AUTH TLS'];
  return [...(encrypted ? [] : trigger), 'PBSZ', 'PROT', 'EPSV', 'MDTM', 'SIZE', 'UTF8'];
}

function* loginOp(wire: Wire, { memory }: Session, verb: string, argument: string): Op<void> {
  if (verb === 'USER') {
    memory.delete('user');
    if (argument === '') return yield* wire.linesOp('501 a name is missing');
    memory.set('name', argument);
    return yield* wire.linesOp('331 password');
  }
  const name = memory.get('name');
  if (name === undefined) return yield* wire.linesOp('503 USER first');
  memory.delete('name');
  memory.set('user', name);
  yield* wire.linesOp('230 welcome');
}

function* protectOp(wire: Wire, { encrypted, memory }: Session, verb: string, argument: string): Op<void> {
  if (!encrypted) return yield* wire.linesOp('503 AUTH TLS first');
  if (verb === 'PBSZ') {
    memory.set('pbsz', '0');
    return yield* wire.linesOp(/^\d+$/.test(argument) ? '200 PBSZ=0' : '501 a number is due');
  }
  if (!memory.has('pbsz')) return yield* wire.linesOp('503 PBSZ first');
  switch (argument.toUpperCase()) {
    case 'P':
      memory.set('prot', 'P');
      return yield* wire.linesOp('200 data will be protected');
    case 'C':
      return yield* wire.linesOp('534 data are not sent in clear');
    case 'S':
    case 'E':
      return yield* wire.linesOp('536 not a level of TLS');
    default:
      return yield* wire.linesOp('504 unknown level');
  }
}

function* passiveOp(wire: Wire, { ports, memory }: Session, verb: string, argument: string): Op<void> {
  if (ports === null) return yield* wire.linesOp('425 this server has no data connections');
  if (argument.toUpperCase() === 'ALL') return yield* wire.linesOp('200 only EPSV from now on');
  // An IPv4 client of a socket for both families.
  const address = ports.address.replace(/^::ffff:/i, '').split('.');
  if (verb === 'PASV' && address.length !== 4) return yield* wire.linesOp('425 EPSV is for IPv6');
  const port = yield* ports.openOp();
  memory.set('port', String(port));
  if (verb === 'EPSV') return yield* wire.linesOp(`229 entering extended passive mode (|||${port}|)`);
  yield* wire.linesOp(`227 entering passive mode (${[...address, port >> 8, port & 255].join(',')})`);
}

/** What a data command sends; null for a file that is not there. */
function dataOf(verb: string, argument: string): string | null {
  const wanted = nameOf(argument);
  switch (verb) {
    case 'RETR':
      return wanted === FILE.name ? FILE.text : null;
    case 'NLST':
      return `${FILE.name}\r\n`;
    case 'MLSD':
      return `type=file;size=${FILE.text.length};modify=${FILE.date}; ${FILE.name}\r\n`;
    default:
      return `-r--r--r-- 1 ftp ftp ${FILE.text.length} Jan  1 2026 ${FILE.name}\r\n`;
  }
}

function nameOf(argument: string): string {
  return argument.replace(/^(?:\.?\/)+/, '');
}

function* transferOp(wire: Wire, { ports, memory }: Session, verb: string, argument: string): Op<void> {
  const data = dataOf(verb, argument);
  const opened = memory.delete('port');
  if (data === null) return yield* wire.linesOp('550 there is no such file');
  if (memory.get('prot') !== 'P') return yield* wire.linesOp('522 PROT P first');
  if (ports === null || !opened) return yield* wire.linesOp('425 PASV or EPSV first');
  yield* wire.linesOp('150 opening');
  const sent = yield* sendDataOp(ports, Buffer.from(data, 'latin1'), wire.until.atMost(DATA_PATIENCE));
  yield* wire.linesOp(sent ? '226 done' : '425 the data connection failed');
}

/** Whatever goes wrong on a data connection leaves the control connection as it is. */
function* sendDataOp(ports: DataPorts, data: Uint8Array, until: Deadline): Op<boolean> {
  let channel: Channel | 'timeout' = 'timeout';
  try {
    channel = yield* ports.acceptOp(until);
    if (channel === 'timeout') return false;
    yield* channel.upgradeOp('server', until);
    return (yield* channel.sendOp(data, until)) === 'sent';
  } catch (error) {
    if (error instanceof ChannelError) return false;
    throw error;
  } finally {
    if (channel !== 'timeout') yield* channel.closeOp();
  }
}

/** Answers that depend on nothing, by command; those that need a login are listed apart. */
const ANSWERS: Readonly<Record<string, string>> = {
  NOOP: '200 ok',
  SYST: '215 UNIX Type: L8',
  HELP: '214 RFC 959, 2228, 2389, 4217',
  OPTS: '200 names are UTF-8',
  REIN: '502 the session does not go back',
  CCC: '533 the control connection stays in TLS',
};

const USER_ANSWERS: Readonly<Record<string, string>> = {
  PWD: '257 "/" is the directory',
  CDUP: '250 ok',
  MODE: '200 stream',
  STRU: '200 file',
  TYPE: '200 ok',
  ABOR: '226 nothing to give up',
  PORT: '425 passive data connections only',
  EPRT: '425 passive data connections only',
};

function* userCommandOp(wire: Wire, session: Session, verb: string, argument: string): Op<void> {
  if (!session.memory.has('user')) return yield* wire.linesOp('530 log in first');
  switch (verb) {
    case 'EPSV':
    case 'PASV':
      return yield* passiveOp(wire, session, verb, argument);
    case 'LIST':
    case 'NLST':
    case 'MLSD':
    case 'RETR':
      return yield* transferOp(wire, session, verb, argument);
    case 'CWD':
      return yield* wire.linesOp(nameOf(argument) === '' ? '250 ok' : '550 there is no such directory');
    case 'SIZE':
    case 'MDTM': {
      const answer = verb === 'SIZE' ? FILE.text.length : FILE.date;
      return yield* wire.linesOp(nameOf(argument) === FILE.name ? `213 ${answer}` : '550 there is no such file');
    }
    case 'STOR':
    case 'APPE':
    case 'DELE':
    case 'MKD':
    case 'RMD':
    case 'RNFR':
      return yield* wire.linesOp('550 there is nothing to change here');
    default:
      yield* wire.linesOp(USER_ANSWERS[verb] ?? '500 unknown command');
  }
}

export const ftpServer: ServerDialogue = {
  attacks: [
    'inject-line',
    'inject-half-line',
    'inject-multiline',
    'omit',
    'rename',
    'refuse',
    'garbage',
    'silence',
    'drip',
  ],
  injection: Buffer.from('211-injected\r\n AUTH TLS\r\n211 end\r\n', 'latin1'),
  *greetOp(wire, { host, attack }) {
    yield* wire.linesOp(attack === 'garbage' ? '\x01\x02 what' : `220 ${host} ready`);
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    const { encrypted, attack } = session;
    const command = yield* commandLineOp(wire, LONGEST_COMMAND);
    if (command === null) return CLOSED;
    const { verb, argument } = command;
    const answer = ANSWERS[verb];
    switch (verb) {
      case 'FEAT':
        yield* wire.linesOp('211-features', ...features(session).map((feature) => ` ${feature}`), '211 end');
        break;
      case 'AUTH':
        if (!/^TLS(?:-C)?$/i.test(argument)) yield* wire.linesOp('504 only TLS is known');
        else if (encrypted) yield* wire.linesOp('503 TLS is active already');
        else if (attack === 'refuse') yield* wire.linesOp('431 TLS is not available now');
        else if (attack === 'inject-multiline') return upgradeWith('234-go', '234 go');
        else return upgradeWith('234 go');
        break;
      case 'USER':
      case 'PASS':
        if (takesLogin(session)) yield* loginOp(wire, session, verb, argument);
        else yield* wire.linesOp('530 AUTH TLS first');
        break;
      case 'PBSZ':
      case 'PROT':
        yield* protectOp(wire, session, verb, argument);
        break;
      case 'QUIT':
        yield* wire.linesOp('221 good bye');
        return CLOSED;
      default:
        if (answer === undefined) yield* userCommandOp(wire, session, verb, argument);
        else yield* wire.linesOp(answer);
    }
    return SERVED;
  },
};
