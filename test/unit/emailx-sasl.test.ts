import { describe, expect, it } from 'vitest';
import { EmailxError } from '../../src/emailx/error.ts';
import { chooseMechanism, MECHANISMS, type MechanismName, scramExchange } from '../../src/emailx/sasl.ts';

const text = (bytes: Buffer | null) => bytes?.toString('latin1') ?? null;

describe('SCRAM-SHA-256', () => {
  // RFC 7677 §3.
  const begin = (password = 'pencil') => scramExchange({ username: 'user', password }, 'rOprNGfwEbeRWgbNEkqO');
  const first = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
  const last = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

  it('computes what the RFC computes', () => {
    const exchange = begin();
    expect(text(exchange.initial)).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    expect(text(exchange.answer(Buffer.from(first)))).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
    expect(text(exchange.answer(Buffer.from(last)))).toBe('');
    expect(() => exchange.finish()).not.toThrow();
  });

  it('does not believe a server that has proved nothing', () => {
    const silent = begin();
    silent.answer(Buffer.from(first));
    expect(() => silent.finish()).toThrow(/without having proved itself/);
    const wrong = begin();
    wrong.answer(Buffer.from(first));
    expect(() => wrong.answer(Buffer.from(last.replace('6rri', '7rri')))).toThrow(/does not know the password/);
    const failing = begin();
    failing.answer(Buffer.from(first));
    expect(() => failing.answer(Buffer.from('e=invalid-proof'))).toThrow(/gives up: "invalid-proof"/);
  });

  it.each([
    ['another nonce', first.replace('rOpr', 'xOpr')],
    ['no nonce of its own', 'r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['too few iterations', first.replace('4096', '4095')],
    ['too many iterations', first.replace('4096', '100000000')],
    ['no salt', first.replace('s=W22ZaJ0SNY7soEsUEjb6gQ==', 's=')],
    ['an extension that it insists on', `m=ext,${first}`],
    ['nothing', ''],
  ])('refuses %s', (_name, challenge) => {
    expect(() => begin().answer(Buffer.from(challenge))).toThrow(EmailxError);
  });

  it('escapes the user name, and takes bytes that are UTF-8 for it', () => {
    expect(text(scramExchange({ username: 'a=b,c', password: 'x' }, 'n').initial)).toBe('n,,n=a=3Db=2Cc,r=n');
    const bytes = Buffer.from('jörg', 'utf8').toString('latin1');
    expect(scramExchange({ username: bytes, password: 'x' }, 'n').initial?.toString('utf8')).toBe('n,,n=jörg,r=n');
    expect(scramExchange({ username: 'j\xf6rg', password: 'x' }, 'n').initial?.toString('utf8')).toBe('n,,n=jörg,r=n');
  });
});

describe('CRAM-MD5', () => {
  it('computes what RFC 2195 computes', () => {
    const exchange = MECHANISMS['CRAM-MD5'].begin({ username: 'tim', password: 'tanstaaftanstaaf' });
    const challenge = Buffer.from('<1896.697170952@postoffice.reston.mci.net>');
    expect(text(exchange.answer(challenge))).toBe('tim b913a602c7eda7a495b4e6e7334d3890');
  });
});

describe('the choice of a mechanism', () => {
  const choices: readonly (readonly [MechanismName | 'AUTO', string, string])[] = [
    ['AUTO', 'PLAIN LOGIN SCRAM-SHA-256', 'LOGIN'],
    ['AUTO', 'SCRAM-SHA-256 PLAIN', 'PLAIN'],
    ['AUTO', 'CRAM-MD5 SCRAM-SHA-256', 'SCRAM-SHA-256'],
    ['AUTO', 'CRAM-MD5', 'CRAM-MD5'],
    ['PLAIN', 'login plain', 'PLAIN'],
    ['SCRAM-SHA-256', 'PLAIN LOGIN SCRAM-SHA-256', 'SCRAM-SHA-256'],
  ];
  it.each(choices)('%s of %s is %s', (wanted, offered, chosen) => {
    expect(chooseMechanism(wanted, offered.split(' '), true, false)).toBe(chosen);
  });

  it('never takes PLAINX for PLAIN', () => {
    expect(() => chooseMechanism('AUTO', ['PLAINX', 'XLOGIN'], true, false)).toThrow(/offers PLAINX, XLOGIN/);
  });

  it('refuses in clear what shows the password', () => {
    for (const name of ['PLAIN', 'LOGIN', 'XOAUTH2'] as const) {
      expect(() => chooseMechanism(name, [name], false, false)).toThrow(/not encrypted/);
      expect(chooseMechanism(name, [name], false, true)).toBe(name);
    }
    expect(chooseMechanism('AUTO', ['CRAM-MD5'], false, false)).toBe('CRAM-MD5');
    expect(() => chooseMechanism('AUTO', [], false, false)).toThrow(/only after STARTTLS/);
  });
});
