// Arguments and configuration merged (reference emailx §2, §12, §13).
import { hostname } from 'node:os';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  EMF_ALREADYOPEN,
  EMF_CLOSEONLY,
  EMF_LEAVEOPEN,
  EMF_OPENONLY,
  EMF_STARTTLS,
  EMF_TLS,
} from '../../ashell.def.ts';
import { type EmailxAssumptions, parseEmailxAssumptions } from '../../src/emailx/assumptions.ts';
import { type ConfigItems, NO_CONFIG, parseConfig } from '../../src/emailx/config-file.ts';
import { sealPassword, toDecimal } from '../../src/emailx/pwcrypt.ts';
import { parseServer } from '../../src/emailx/server-address.ts';
import {
  type CallSettings,
  type ConnectionSettings,
  logSettings,
  mergeSettings,
  opensSession,
} from '../../src/emailx/settings.ts';
import { refusal } from '../support/refusal.ts';

const CALL: CallSettings = {
  opflags: 0,
  from: '',
  signature: '',
  server: 'smtp.example.com',
  host: '',
  username: '',
  password: '',
};

interface Given {
  readonly call?: Partial<CallSettings>;
  readonly config?: string;
  readonly assume?: Partial<EmailxAssumptions>;
}

function items(text: string): ConfigItems {
  return text === '' ? NO_CONFIG : parseConfig(Buffer.from(text, 'latin1'), 'emailx.cfg', 'refused').items;
}

function merge({ call = {}, config = '', assume = {} }: Given) {
  return mergeSettings({ ...CALL, ...call }, items(config), parseEmailxAssumptions(assume));
}

function connection(given: Given): ConnectionSettings {
  const found = merge(given).connection;
  if (found === null) throw new Error('this call opens no session');
  return found;
}

describe('precedence', () => {
  it.each<[string, Given, unknown]>([
    ['server of the call', { call: { server: 'a' }, config: 'SERVER=b' }, 'a'],
    ['SERVER', { call: { server: '' }, config: 'SERVER=b' }, 'b'],
    ['blanks are blank', { call: { server: '  ' }, config: 'SERVER=b' }, 'b'],
    ['blanks around are none of it', { call: { server: ' a ' } }, 'a'],
  ])('server: %s', (_what, given, host) => {
    expect(connection(given).server.host).toBe(host);
  });

  it.each<[string, Given, unknown]>([
    ['host of the call', { call: { host: 'a' }, config: 'HOST=b' }, 'a'],
    ['HOST', { config: 'HOST=b' }, 'b'],
    ['an address literal', { config: 'HOST=[127.0.0.1]' }, '[127.0.0.1]'],
    ['the name of this machine', {}, hostname()],
  ])('helo: %s', (_what, given, helo) => {
    expect(connection(given).helo).toBe(helo);
  });

  it.each<[string, Given, unknown]>([
    ['from of the call', { call: { from: 'a@x' }, config: 'RTNADDR=b@x' }, 'a@x'],
    ['RTNADDR', { call: { from: ' ' }, config: 'RTNADDR=b@x' }, 'b@x'],
    ['nothing', {}, ''],
  ])('sender: %s', (_what, given, sender) => {
    expect(merge(given).sender).toBe(sender);
  });

  it.each<[string, Given, unknown]>([
    ['signature of the call', { call: { signature: 'a.sig' }, config: 'SIGNATURE=b.sig' }, 'a.sig'],
    ['a text, whole', { call: { signature: 'Yours\r\n' }, config: 'SIGNATURE=b.sig' }, 'Yours\r\n'],
    ['SIGNATURE', { config: 'SIGNATURE=b.sig' }, 'b.sig'],
    ['nothing', {}, ''],
  ])('signature: %s', (_what, given, signature) => {
    expect(merge(given).signature).toBe(signature);
  });

  it('what only the configuration has', () => {
    const config = 'DOMAIN=example.com\nREDIRECT=t@x\nADDBCC=a@x\nADDBCC=b@x\nREPLYTO=r@x\nCONNLOCK=1\nSECUREHELLO=0';
    expect(merge({ config })).toMatchObject({
      domain: 'example.com',
      redirect: 't@x',
      addBcc: ['a@x', 'b@x'],
      replyTo: 'r@x',
      connection: { connLock: true, secureHello: false },
    });
  });

  it('is complete and frozen without a configuration', () => {
    const settings = merge({});
    expect(settings).toEqual({
      connection: {
        server: { host: 'smtp.example.com', port: 25 },
        helo: hostname(),
        security: 'none',
        secureHello: true,
        credentials: null,
        connLock: false,
      },
      wait: 30_000,
      dataWait: 180_000,
      finalWait: 600_000,
      signature: '',
      replyTo: '',
      sender: '',
      domain: '',
      redirect: '',
      addBcc: [],
    });
    for (const object of [settings, settings.connection, settings.connection?.server]) {
      expect(Object.isFrozen(object)).toBe(true);
    }
  });
});

describe('a server', () => {
  it.each([
    ['smtp.example.com', 'smtp.example.com', 25],
    ['smtp.example.com:587', 'smtp.example.com', 587],
    ['localhost:1', 'localhost', 1],
    ['127.0.0.1', '127.0.0.1', 25],
    ['127.0.0.1:65535', '127.0.0.1', 65_535],
    ['::1', '::1', 25],
    ['2001:db8::25', '2001:db8::25', 25],
    ['[::1]', '::1', 25],
    ['[::1]:465', '::1', 465],
    ['[fe80::1%eth0]:25', 'fe80::1%eth0', 25],
    ['mail_host', 'mail_host', 25],
    ['m\xfcller.example', 'm\xfcller.example', 25],
  ])('%s', (text, host, port) => {
    expect(parseServer(text)).toEqual({ host, port });
  });

  it.each([
    'a:',
    'a:0',
    'a:65536',
    'a:99999999999',
    'a:25x',
    'a:-1',
    'a:25:26',
    'a b',
    'a\r\nb',
    'a\nb:25',
    'a\0b',
    '\x7f',
    ':25',
    '[]:25',
    '[127.0.0.1]',
    '[a]:25',
    '[::1]25',
    '[::1',
    '::1]:25',
    'smtp://a',
    'user@a',
    'a,b',
    `${'a'.repeat(256)}`,
  ])('%j is refused with 76', (text) => {
    const error = refusal(() => parseServer(text));
    expect(error).toMatchObject({ status: 76, refusal: 'badServer' });
    expect(error.message).toMatch(/^the server '.*write name, name:port or \[IPv6\]:port$/s);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });

  it('that is missing is 76, or what the site says', () => {
    expect(refusal(() => merge({ call: { server: '' } }))).toMatchObject({ status: 76, refusal: 'noServer' });
    expect(refusal(() => merge({ call: { server: '' }, assume: { missingServer: 71 } }))).toMatchObject({ status: 71 });
  });
});

describe('a name that cannot be sent is refused with 78', () => {
  it.each(['a b', 'a\r\nMAIL FROM:<x>', 'a\nb', 'a\0', 'm\xfcller', 'a'.repeat(256)])('host %j', (host) => {
    expect(refusal(() => merge({ call: { host } }))).toMatchObject({ status: 78, refusal: 'badSetting' });
  });

  it.each(['a b', '@example.com', 'a/b', 'a,b', 'a'.repeat(256)])('DOMAIN %j', (domain) => {
    expect(refusal(() => merge({ config: `DOMAIN=${domain}` }))).toMatchObject({ status: 78, refusal: 'badConfig' });
  });

  it.each([
    ['username', 'a\rb'],
    ['username', 'a\nb'],
    ['username', 'a\0b'],
    ['password', 's3cret\n'],
    ['password', 's3cret\r\n'],
    ['password', 's3\0cret'],
  ])('%s %j', (name, value) => {
    const call = { username: 'u', password: 's3cret', [name]: value };
    const error = refusal(() => merge({ call }));
    expect(error).toMatchObject({ status: 78, refusal: 'badSetting' });
    expect(error.message).not.toContain('cret');
  });

  it('a token with a control character', () => {
    const given = { call: { username: 'u', password: 'tok\x01en' }, config: 'AUTH=XOAUTH2' };
    expect(refusal(() => merge(given)).message).toContain('a control character, which XOAUTH2 cannot carry');
    expect(connection({ ...given, config: 'AUTH=PLAIN' }).credentials?.password.reveal()).toBe('tok\x01en');
  });
});

describe('security', () => {
  it.each<[string, number, string, Partial<EmailxAssumptions>, string]>([
    ['nothing is plain', 0, '', {}, 'none'],
    ['EMF_TLS', EMF_TLS, '', {}, 'tls'],
    ['EMF_STARTTLS', EMF_STARTTLS, '', {}, 'starttls'],
    ['SECURE=TLS', 0, 'SECURE=TLS', {}, 'tls'],
    ['SECURE=STARTTLS', 0, 'SECURE=STARTTLS', {}, 'starttls'],
    ['SECURE=NONE', 0, 'SECURE=NONE', {}, 'none'],
    ['EMF_TLS wins over SECURE', EMF_TLS, 'SECURE=STARTTLS', {}, 'tls'],
    ['EMF_STARTTLS wins over SECURE', EMF_STARTTLS, 'SECURE=TLS', {}, 'starttls'],
    ['EMF_TLS wins over SECURE=NONE', EMF_TLS, 'SECURE=NONE', {}, 'tls'],
    ['both flags are STARTTLS', EMF_TLS + EMF_STARTTLS, '', {}, 'starttls'],
    ['or TLS', EMF_TLS + EMF_STARTTLS, 'SECURE=NONE', { tlsAndStartTls: 'tls' }, 'tls'],
  ])('%s', (_what, opflags, config, assume, security) => {
    expect(connection({ call: { opflags }, config, assume }).security).toBe(security);
  });
});

describe('authentication', () => {
  const U = { username: 'u' };
  const P = { password: 'p' };
  it.each<[string, Partial<CallSettings>, string, string | null]>([
    ['nothing', {}, '', null],
    ['both of the call are AUTO', { ...U, ...P }, '', 'AUTO u p'],
    ['a user name alone is none', U, '', null],
    ['a password alone is none', P, '', null],
    ['both of the configuration without AUTH are none', {}, 'USERNAME=cu\nPASSWORD=cp', null],
    ['USERNAME and the password of the call', P, 'USERNAME=cu', 'AUTO cu p'],
    ['a user name of the call and PASSWORD without AUTH', U, 'PASSWORD=cp', null],
    ['both of the configuration with AUTH', {}, 'AUTH=LOGIN\nUSERNAME=cu\nPASSWORD=cp', 'LOGIN cu cp'],
    ['the call wins', { ...U, ...P }, 'AUTH=*\nUSERNAME=cu\nPASSWORD=cp', 'AUTO u p'],
    ['each of them', U, 'AUTH=PLAIN\nUSERNAME=cu\nPASSWORD=cp', 'PLAIN u cp'],
    ['blanks are blank', { username: ' ', password: ' ' }, 'AUTH=PLAIN\nUSERNAME=cu\nPASSWORD=cp', 'PLAIN cu cp'],
    ['XOAUTH2 with a token of the call', P, 'AUTH=XOAUTH2\nUSERNAME=cu', 'XOAUTH2 cu p'],
    ['AUTH=NONE wins over the credentials of the call', { ...U, ...P }, 'AUTH=NONE', null],
    ['AUTH without a password is skipped', {}, 'AUTH=PLAIN\nUSERNAME=cu', null],
    ['AUTH without a user name is skipped', P, 'AUTH=PLAIN', null],
    ['codes', {}, 'AUTH=PLAIN\nUSERNAME=cu\nPASSWORD=59, 65,066', 'PLAIN cu ;AB'],
    ['a list with a code above 255 is a password', {}, 'AUTH=PLAIN\nUSERNAME=u\nPASSWORD=1,256', 'PLAIN u 1,256'],
    ['a number is a password', {}, 'AUTH=PLAIN\nUSERNAME=u\nPASSWORD=12345', 'PLAIN u 12345'],
    ['codes in the call are a password', { ...U, password: '65,66' }, '', 'AUTO u 65,66'],
  ])('%s', (_what, call, config, expected) => {
    const { credentials } = connection({ call, config });
    const shown = credentials && `${credentials.mode} ${credentials.username} ${credentials.password.reveal()}`;
    expect(shown).toBe(expected);
  });

  it('is refused with 78 when incomplete, where the site says so', () => {
    const assume = { authIncomplete: 'refused' } as const;
    const error = refusal(() => merge({ config: 'AUTH=PLAIN\nUSERNAME=u', assume }));
    expect(error).toMatchObject({ status: 78, refusal: 'authIncomplete' });
    expect(error.message).toContain('there is no password');
    expect(connection({ assume }).credentials).toBeNull();
  });

  it('takes a list of codes for a password, where the site says so', () => {
    const config = 'AUTH=PLAIN\nUSERNAME=u\nPASSWORD=1,2';
    expect(connection({ config, assume: { decimalPassword: false } }).credentials?.password.reveal()).toBe('1,2');
  });

  it('decrypts in the configuration, in codes and in the call', () => {
    const sealed = sealPassword('p\xe4ss;word', 'u');
    const inFile = (value: string) => connection({ config: `AUTH=AUTO\nUSERNAME=u\nPASSWORD=${value}` });
    expect(inFile(sealed).credentials?.password.reveal()).toBe('p\xe4ss;word');
    expect(inFile(`\x03${sealed}`).credentials?.password.reveal()).toBe('p\xe4ss;word');
    expect(inFile(toDecimal(`\x03${sealed}`)).credentials?.password.reveal()).toBe('p\xe4ss;word');
    const call = { username: 'u', password: sealed };
    expect(connection({ call }).credentials?.password.reveal()).toBe('p\xe4ss;word');
    expect(refusal(() => merge({ call: { ...call, username: 'v' } }))).toMatchObject({
      status: 78,
      refusal: 'wrongPasswordKey',
    });
  });

  it('looks at a password only when it is used', () => {
    const config = 'USERNAME=u\nPASSWORD=\x02abc';
    expect(connection({ config }).credentials).toBeNull();
    expect(connection({ config: `${config}\nAUTH=AUTO`, call: { password: 'p' } }).credentials).not.toBeNull();
    expect(refusal(() => merge({ config: `${config}\nAUTH=AUTO` }))).toMatchObject({ refusal: 'foreignPassword' });
  });

  it('does not take a token for a printed password of A-Shell', () => {
    const token = `C${'A'.repeat(68)}`;
    const call = { username: 'u', password: token };
    expect(refusal(() => merge({ call }))).toMatchObject({ refusal: 'foreignPassword' });
    expect(connection({ call, config: 'AUTH=XOAUTH2' }).credentials?.password.reveal()).toBe(token);
    expect(connection({ call, assume: { printedPassword: false } }).credentials).not.toBeNull();
  });

  it('does not show itself', () => {
    const settings = merge({ call: { username: 'u', password: 'hunter2' } });
    expect(inspect(settings, { depth: 9, showHidden: true })).not.toContain('hunter2');
    expect(JSON.stringify(settings)).not.toContain('hunter2');
    expect(`${settings.connection?.credentials?.password}`).toBe('****');
  });
});

describe('times and the log', () => {
  it.each<[string, string, Partial<EmailxAssumptions>, number, number]>([
    ['WAIT in seconds', 'WAIT=10', {}, 10_000, 600_000],
    ['a long one holds for the final dot too', 'WAIT=900', {}, 900_000, 900_000],
    ['another default', '', { wait: 5 }, 5000, 600_000],
    ['another unit', 'WAIT=10', { waitUnit: 100 }, 1000, 600_000],
    ['another least wait', '', { finalWait: 60 }, 30_000, 60_000],
  ])('%s', (_what, config, assume, wait, finalWait) => {
    expect(merge({ config, assume })).toMatchObject({ wait, finalWait });
  });

  it.each<[string, string, Partial<EmailxAssumptions>, { file: string; level: number }]>([
    ['none', 'LOGLVL=5', {}, { file: '', level: 0 }],
    ['level 1 without LOGLVL', 'LOGFILE=a.log', {}, { file: 'a.log', level: 1 }],
    ['LOGLVL', 'LOGFILE=a.log\nLOGLVL=4', {}, { file: 'a.log', level: 4 }],
    ['off', 'LOGFILE=a.log\nLOGLVL=0', {}, { file: 'a.log', level: 0 }],
    ['another default', 'LOGFILE=a.log', { logLevel: 3 }, { file: 'a.log', level: 3 }],
  ])('log: %s', (_what, config, assume, log) => {
    expect(logSettings(items(config), parseEmailxAssumptions(assume))).toEqual(log);
  });
});

describe('a call', () => {
  it.each<[string, number, boolean]>([
    ['plain', 0, true],
    ['LEAVEOPEN', EMF_LEAVEOPEN, true],
    ['OPENONLY', EMF_OPENONLY, true],
    ['ALREADYOPEN', EMF_ALREADYOPEN, false],
    ['ALREADYOPEN + LEAVEOPEN', EMF_ALREADYOPEN + EMF_LEAVEOPEN, false],
    ['CLOSEONLY', EMF_CLOSEONLY, false],
    ['OPENONLY + CLOSEONLY, a test of the connection', EMF_OPENONLY + EMF_CLOSEONLY, true],
    ['ALREADYOPEN + CLOSEONLY', EMF_ALREADYOPEN + EMF_CLOSEONLY, false],
  ])('%s: %s, opens a session: %s', (_what, opflags, opens) => {
    expect(opensSession(opflags)).toBe(opens);
    expect(merge({ call: { opflags } }).connection === null).toBe(!opens);
  });

  it('that opens none is not asked for a server, a host or a password', () => {
    const call = { opflags: EMF_ALREADYOPEN, server: 'a b', host: 'a b', username: 'u', password: '\x02x' };
    expect(merge({ call }).connection).toBeNull();
  });
});
