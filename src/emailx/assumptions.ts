/**
 * What the reference marks ASSUMED or UNKNOWN of EMAILX, and what goes beyond the original and is off by default: one
 * named value each, set by the job option `emailx.assume`. The README's table is derived from this one.
 */
import { CTE_QP, EMS_NOBODY, EMS_NOSOCKET } from '../../ashell.def.ts';
import { boolean, completeAssumptions, type DescriptionTable, integer, oneOf } from '../core/assumption.ts';
import { once } from '../core/once.ts';

/** The job option `emailx.assume`. What each of them means is in {@link describeEmailxAssumptions} and in the README. */
export interface EmailxAssumptions {
  // The configuration and the call
  readonly unknownItem: 'ignored' | 'refused';
  readonly decimalPassword: boolean;
  readonly printedPassword: boolean;
  readonly wait: number;
  readonly waitUnit: number;
  readonly dataWait: number;
  readonly finalWait: number;
  readonly logLevel: number;
  readonly authIncomplete: 'skipped' | 'refused';
  readonly missingServer: number;
  readonly tlsAndStartTls: 'starttls' | 'tls';
  // Files
  readonly fspecNative: boolean;
  readonly filespecCase: 'insensitive' | 'lower' | 'exact';
  readonly lockDirectory: string;
  // The envelope
  readonly recipientsPast100: 'sent' | 'ignored' | 'refused';
  readonly angleBrackets: 'inside' | 'refused';
  readonly noSender: 'empty' | 'refused';
  readonly redirectedAddBcc: 'suppressed' | 'kept';
  readonly partialDelivery: boolean;
  // The session
  readonly requireStartTls: boolean;
  readonly clearAuth: boolean;
  readonly heloFallback: boolean;
  readonly pipelining: boolean;
  readonly closedSocket: number;
  readonly refusedSession: 'kept' | 'closed';
  // The message
  readonly xMailer: string;
  readonly generatedLines: 'first' | 'last';
  readonly dateAndMessageId: boolean;
  readonly replyTo: 'once' | 'always';
  readonly blankHeader: 'guarded' | 'asWritten';
  readonly headerLineEnds: 'normalised' | 'refused';
  readonly mimeHeaders: 'needed' | 'always';
  readonly charset: string;
  readonly longLines: 'encoded' | 'refused' | 'sent';
  readonly missingBody: number;
  readonly attachmentsPast10: 'refused' | 'ignored' | 'sent';
  readonly contentDisposition: boolean;
  readonly quotedPrintable: number;
}

const SECONDS_OF_A_DAY = 86_400;

/** What stands where nobody has set anything. */
export const EMAILX_DEFAULTS: EmailxAssumptions = Object.freeze({
  // The configuration and the call
  unknownItem: 'ignored',
  decimalPassword: true,
  printedPassword: true,
  wait: 30,
  waitUnit: 1000,
  dataWait: 180,
  finalWait: 600,
  logLevel: 1,
  authIncomplete: 'skipped',
  missingServer: EMS_NOSOCKET,
  tlsAndStartTls: 'starttls',
  // Files
  fspecNative: true,
  filespecCase: 'insensitive',
  lockDirectory: '',
  // The envelope
  recipientsPast100: 'sent',
  angleBrackets: 'inside',
  noSender: 'empty',
  redirectedAddBcc: 'suppressed',
  partialDelivery: false,
  // The session
  requireStartTls: true,
  clearAuth: false,
  heloFallback: true,
  pipelining: true,
  closedSocket: -1,
  refusedSession: 'kept',
  // The message
  xMailer: 'EMAILX 5.1(142)',
  generatedLines: 'first',
  dateAndMessageId: false,
  replyTo: 'once',
  blankHeader: 'guarded',
  headerLineEnds: 'normalised',
  mimeHeaders: 'needed',
  charset: '',
  longLines: 'encoded',
  missingBody: EMS_NOBODY,
  attachmentsPast10: 'refused',
  contentDisposition: true,
  quotedPrintable: CTE_QP,
});

export const describeEmailxAssumptions = once((): DescriptionTable<EmailxAssumptions> => {
  /** EMAILX's own statuses and the errors of BASIC. */
  const ownStatus = integer(1, 99);
  const text = (shape: RegExp) => (value: unknown) => typeof value === 'string' && shape.test(value);
  return {
    unknownItem: {
      meaning: 'an item of the configuration file that does not exist: `ignored` and logged, or `refused` with 78',
      source: 'emailx §6.1',
      accepts: oneOf('ignored', 'refused'),
    },
    decimalPassword: {
      meaning: 'PASSWORD as numbers from 0 to 255 with commas is a list of character codes',
      source: 'emailx §14',
      accepts: boolean,
    },
    printedPassword: {
      meaning:
        'a password of `C` and 68 characters of base64 is taken for one that A-Shell encrypted in mode 3 and printed',
      source: 'emailx §14',
      accepts: boolean,
    },
    wait: {
      meaning: 'WAIT without the item: how long the server may be silent, in units of `waitUnit`',
      source: 'emailx §6.2',
      accepts: integer(1, SECONDS_OF_A_DAY),
    },
    waitUnit: {
      meaning: 'unit of WAIT in ms',
      source: 'emailx §6.2',
      accepts: integer(1, 60_000),
    },
    dataWait: {
      meaning:
        'least time in seconds that a server may take nothing of the message in, whatever WAIT is; a slow one takes it in large steps',
      source: 'emailx §6.2, RFC 5321 §4.5.3.2.5',
      accepts: integer(0, SECONDS_OF_A_DAY),
    },
    finalWait: {
      meaning:
        'least wait for the reply to the final dot in seconds, whatever WAIT is; giving up there invites duplicates',
      source: 'emailx §6.2, RFC 5321 §4.5.3.2.6',
      accepts: integer(0, SECONDS_OF_A_DAY),
    },
    logLevel: {
      meaning: 'LOGLVL where LOGFILE is set and the item is missing',
      source: 'emailx §6.2',
      accepts: integer(0, 5),
    },
    authIncomplete: {
      meaning:
        'AUTH is set, user name or password is blank: authentication is `skipped`, or the call `refused` with 78',
      source: 'emailx §13',
      accepts: oneOf('skipped', 'refused'),
    },
    missingServer: {
      meaning: 'status when no server is named',
      source: 'emailx §12',
      accepts: ownStatus,
    },
    tlsAndStartTls: {
      meaning: 'which one wins when EMF_TLS and EMF_STARTTLS are both given: `starttls` or `tls`',
      source: 'emailx §3',
      accepts: oneOf('starttls', 'tls'),
    },
    fspecNative: {
      meaning:
        'A-Shell’s option FSPECNATIVE: a filespec without `[` that has `<>(){};=`, a comma, a blank or a tab is native',
      source: 'emailx §16',
      accepts: boolean,
    },
    filespecCase: {
      meaning:
        'case of AMOS names: `insensitive` finds the file in any case, `lower` only the lower-case name, as A-Shell under UNIX, `exact` the name as given',
      source: 'emailx §16, ashell-basic §5.3',
      accepts: oneOf('insensitive', 'lower', 'exact'),
    },
    lockDirectory: {
      meaning: 'directory of CONNLOCK; blank is `tcpx-emailx-lock` in the system’s temporary directory',
      source: 'emailx §6.2',
      accepts: text(/^[^\0]*$/),
    },
    recipientsPast100: {
      meaning: 'recipients after the hundredth: `sent` to, `ignored`, or the call `refused` with 73',
      source: 'emailx §7',
      accepts: oneOf('sent', 'ignored', 'refused'),
    },
    angleBrackets: {
      meaning: 'an address that ends in `<...>`: what is `inside` is used, or it is `refused` with 73',
      source: 'emailx §7',
      accepts: oneOf('inside', 'refused'),
    },
    noSender: {
      meaning: 'neither `from` nor RTNADDR: the `empty` reverse-path `<>`, or `refused` with 73',
      source: 'emailx §7',
      accepts: oneOf('empty', 'refused'),
    },
    redirectedAddBcc: {
      meaning: 'ADDBCC under REDIRECT: `suppressed`, or `kept` beside the one address',
      source: 'emailx §6.2',
      accepts: oneOf('suppressed', 'kept'),
    },
    partialDelivery: {
      meaning: 'a refused recipient does not abort the message: it goes to the others, and errmsg lists the refused',
      source: 'emailx §5.3',
      accepts: boolean,
    },
    requireStartTls: {
      meaning:
        'a server that does not offer the STARTTLS that is wanted ends the call with 75; off: it goes on in clear',
      source: 'emailx §12',
      accepts: boolean,
    },
    clearAuth: {
      meaning: 'PLAIN, LOGIN and XOAUTH2 may be used on a connection that is not encrypted',
      source: 'emailx §13',
      accepts: boolean,
    },
    heloFallback: {
      meaning: 'HELO after a 5xx to EHLO, where neither AUTH nor STARTTLS has to be',
      source: 'emailx §12',
      accepts: boolean,
    },
    pipelining: {
      meaning:
        'commands go together where the server offers PIPELINING, and QUIT with the last message; off: for servers that offer it and cannot do it',
      source: 'emailx §20, RFC 2920',
      accepts: boolean,
    },
    closedSocket: {
      meaning: '`socket` after the session was closed',
      source: 'emailx §4',
      accepts: oneOf(-1, 0),
    },
    refusedSession: {
      meaning: 'a session with EMF_LEAVEOPEN whose message the server refused: `kept` after RSET, or `closed`',
      source: 'emailx §4',
      accepts: oneOf('kept', 'closed'),
    },
    xMailer: {
      meaning: 'text of the X-Mailer line; blank for no line',
      source: 'emailx §8',
      accepts: text(/^[\x20-\x7e]{0,200}$/),
    },
    generatedLines: {
      meaning: 'where generated header lines stand: `first`, or `last`, after those of the program',
      source: 'emailx §8',
      accepts: oneOf('first', 'last'),
    },
    dateAndMessageId: {
      meaning: 'adds Date and Message-ID where the program wrote none',
      source: 'emailx §8',
      accepts: boolean,
    },
    replyTo: {
      meaning: 'REPLYTO beside a Reply-To of the program: only `once`, the program’s, or `always`',
      source: 'emailx §8',
      accepts: oneOf('once', 'always'),
    },
    blankHeader: {
      meaning:
        'a blank header without EMF_HDRCAT: `guarded` puts an empty line before a body that does not begin with header lines, `asWritten` never',
      source: 'emailx §8',
      accepts: oneOf('guarded', 'asWritten'),
    },
    headerLineEnds: {
      meaning: 'a CR or LF alone in the header: `normalised` to CRLF, as in the body, or `refused` with 74',
      source: 'emailx §8',
      accepts: oneOf('normalised', 'refused'),
    },
    mimeHeaders: {
      meaning:
        'MIME-Version and what describes the text: `needed` for attachments, EMF_HTMLBODY, EMF_MIMEBODY and text that is encoded, or `always`',
      source: 'emailx §11.5, RFC 2045 §4, §6.1',
      accepts: oneOf('needed', 'always'),
    },
    charset: {
      meaning: 'charset declared in a generated text Content-Type; blank for none',
      source: 'emailx §9',
      accepts: text(/^[A-Za-z0-9_:.+-]{0,40}$/),
    },
    longLines: {
      meaning:
        'lines of more than 998 octets: `encoded` as quoted-printable where the part allows it, `refused` with 74, or `sent` as they are',
      source: 'emailx §9, RFC 5321 §4.5.3.1.6',
      accepts: oneOf('encoded', 'refused', 'sent'),
    },
    missingBody: {
      meaning: 'status when the file that `body` names is not there, cannot be read or is empty',
      source: 'emailx §9',
      accepts: ownStatus,
    },
    attachmentsPast10: {
      meaning: 'attachments after the tenth: the call is `refused` with 80, or they are `ignored`, or `sent`',
      source: 'emailx §11.1',
      accepts: oneOf('refused', 'ignored', 'sent'),
    },
    contentDisposition: {
      meaning: 'attachments have a Content-Disposition with the file name',
      source: 'emailx §11.5',
      accepts: boolean,
    },
    quotedPrintable: {
      meaning: 'number of the fifth encoding, quoted-printable',
      source: 'emailx §11.3',
      accepts: integer(4, 255),
    },
  };
});

/** Completes and checks the option `emailx.assume`. */
export function parseEmailxAssumptions(given: Partial<EmailxAssumptions> = {}): EmailxAssumptions {
  return completeAssumptions(EMAILX_DEFAULTS, describeEmailxAssumptions, given, 'emailx.assume.');
}
