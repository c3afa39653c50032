/**
 * EMAILX's own statuses, and what each of them is given for: one row for every reason to refuse a call without, or
 * before, an answer of the server. Negative statuses come from TCPX, those above 100 from the server (reference
 * emailx §5). The README's table is derived from these.
 */
import {
  EMS_B64ERR,
  EMS_BADATT,
  EMS_BADCFG,
  EMS_BADRESP,
  EMS_BADSIG,
  EMS_NOBODY,
  EMS_NOCFG,
  EMS_NOSOCKET,
  EMS_NOTO,
  EMS_TIMEOUT,
  EMS_TOOFEW,
} from '../../ashell.def.ts';

interface StatusRow {
  readonly symbol: string;
  readonly meaning: string;
}

/** EMAILX's statuses by number. */
export const STATUSES: Readonly<Record<number, StatusRow>> = {
  [EMS_TOOFEW]: { symbol: 'EMS_TOOFEW', meaning: 'too few parameters' },
  [EMS_TIMEOUT]: { symbol: 'EMS_TIMEOUT', meaning: 'timed out' },
  [EMS_NOTO]: { symbol: 'EMS_NOTO', meaning: 'no address that can be sent to' },
  [EMS_NOBODY]: { symbol: 'EMS_NOBODY', meaning: 'no text that can be sent' },
  [EMS_BADRESP]: { symbol: 'EMS_BADRESP', meaning: 'bad SMTP response' },
  [EMS_NOSOCKET]: { symbol: 'EMS_NOSOCKET', meaning: 'no socket open' },
  [EMS_NOCFG]: { symbol: 'EMS_NOCFG', meaning: 'the configuration file is not there' },
  [EMS_BADCFG]: { symbol: 'EMS_BADCFG', meaning: 'the configuration cannot be used' },
  [EMS_BADSIG]: { symbol: 'EMS_BADSIG', meaning: 'bad signature file' },
  [EMS_BADATT]: { symbol: 'EMS_BADATT', meaning: 'attachment missing or empty' },
  [EMS_B64ERR]: { symbol: 'EMS_B64ERR', meaning: 'encoding error' },
};

interface RefusalRow {
  readonly status: number;
  readonly when: string;
}

/** Why a call is refused here; the server is not asked, or has not answered as it must. */
export const REFUSALS = {
  tooFewArguments: { status: EMS_TOOFEW, when: 'fewer than six arguments, or more than fifteen' },

  responseTimeout: { status: EMS_TIMEOUT, when: 'the server is silent for longer than WAIT' },
  tlsExpected: {
    status: EMS_TIMEOUT,
    when: 'the server says nothing in clear, and a second look shows that its port expects TLS first: use EMF_TLS',
  },
  lockTimeout: { status: EMS_TIMEOUT, when: 'CONNLOCK: another session lasts longer than WAIT' },

  noRecipient: { status: EMS_NOTO, when: '`to` is blank' },
  badRecipient: {
    status: EMS_NOTO,
    when: 'a recipient would break the SMTP command: NUL, a LF without CR, `<`, `>`, a blank, a comma, more than 254 octets',
  },
  badSender: { status: EMS_NOTO, when: '`from` or RTNADDR would break the SMTP command in the same way' },
  tooManyRecipients: { status: EMS_NOTO, when: 'more than 100 recipients, where `recipientsPast100` refuses them' },

  noBody: { status: EMS_NOBODY, when: '`body` is blank, or names a file without contents' },
  bodyUnreadable: { status: EMS_NOBODY, when: '`body` names a file that cannot be read' },
  badHeader: {
    status: EMS_NOBODY,
    when: '`header` holds NUL, or CR or LF alone where a name would be cut or `headerLineEnds` refuses it',
  },
  longLine: {
    status: EMS_NOBODY,
    when: 'a line of more than 998 octets that `longLines` refuses, or that cannot be encoded',
  },

  badResponse: { status: EMS_BADRESP, when: 'the server answers something that is not SMTP' },
  startTlsMissing: { status: EMS_BADRESP, when: 'STARTTLS is wanted and the server does not offer it' },
  authMissing: { status: EMS_BADRESP, when: 'the server offers no authentication that can be used' },
  smtpUtf8Missing: {
    status: EMS_BADRESP,
    when: 'an address is not ASCII and the server does not offer SMTPUTF8',
  },

  noSocket: { status: EMS_NOSOCKET, when: 'EMF_ALREADYOPEN or EMF_CLOSEONLY without an open session in `socket`' },
  noServer: { status: EMS_NOSOCKET, when: 'neither `server` nor SERVER names a server' },
  badServer: {
    status: EMS_NOSOCKET,
    when: '`server` or SERVER is not `name`, `name:port`, `address` or `[IPv6]:port`',
  },

  configMissing: { status: EMS_NOCFG, when: '`cfgfile` names a file that is not there or cannot be read' },
  badConfig: {
    status: EMS_BADCFG,
    when: 'a line of the configuration file is not `item = value`, or the value is none',
  },
  badSetting: { status: EMS_BADCFG, when: 'host, username or password holds CR, LF or NUL, or cannot be sent' },
  foreignPassword: {
    status: EMS_BADCFG,
    when: 'the password was encrypted by A-Shell, whose algorithms are not published',
  },
  wrongPasswordKey: { status: EMS_BADCFG, when: 'the password was encrypted for another user name, or is damaged' },
  authIncomplete: {
    status: EMS_BADCFG,
    when: 'AUTH is set and user name or password is blank, where `authIncomplete` refuses it',
  },
  clearAuth: {
    status: EMS_BADCFG,
    when: 'only PLAIN or LOGIN is left and the connection is not encrypted, unless `clearAuth` allows it',
  },
  lockUnusable: { status: EMS_BADCFG, when: 'CONNLOCK: the directory of the lock cannot be used' },

  signatureUnreadable: { status: EMS_BADSIG, when: 'the signature names a file that cannot be read' },

  attachmentUnreadable: { status: EMS_BADATT, when: 'an attachment is not there or cannot be read' },
  attachmentEmpty: { status: EMS_BADATT, when: 'an attachment has no contents' },
  badAttachment: {
    status: EMS_BADATT,
    when: 'the structure is too short for its count, a list of attachments is none, or a type or encoding is none',
  },
  tooManyAttachments: { status: EMS_BADATT, when: 'more than 10 attachments, where `attachmentsPast10` refuses them' },

  encodingFailed: { status: EMS_B64ERR, when: 'an attachment changed or became unreadable while it was being sent' },
} as const satisfies Readonly<Record<string, RefusalRow>>;

/** A reason to refuse a mail here: a row of {@link REFUSALS}. */
export type Refusal = keyof typeof REFUSALS;
