// The client dialects that are not of lines against the servers that people run, through the library, in the four columns.
import { createHash } from 'node:crypto';
import { beforeAll, expect } from 'vitest';
import { converse, inEveryColumn, type Place, refusal, type Step } from '../support/converse.ts';
import { startIppServer } from '../support/ipp-server.ts';
import { type LdapServer, startLdapServer } from '../support/ldap-server.ts';
import { type MariadbServer, startMariadbServer } from '../support/mariadb-server.ts';
import { cleanUpAfterAll, interop, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { startTelnetServer } from '../support/telnet-server.ts';
import { startXmppServer, type XmppServer } from '../support/xmpp-server.ts';

let pki: PkiPaths;
beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

/** A place on this machine whose certificate is verified against our root. */
function at(protocol: string, port: number, more: { policy?: 'prefer'; self?: string } = {}): Place {
  return { protocol, host: 'localhost', port, tls: { ca: pki.ca }, ...more };
}

interface WithAndWithout<T> {
  readonly tls: T;
  readonly clear: T;
}

/** A server that offers TLS and one that does not, for all tests of a block. */
function both<T extends { stop(): Promise<void> }>(start: (tls: boolean) => Promise<T>): () => WithAndWithout<T> {
  let servers: WithAndWithout<T> | undefined;
  beforeAll(async () => {
    const [tls, clear] = await Promise.all([start(true), start(false)]);
    servers = { tls, clear };
    return async () => {
      await Promise.all([tls.stop(), clear.stop()]);
    };
  });
  return () => {
    if (servers === undefined) throw new Error('the servers have not been started');
    return servers;
  };
}

interop('slapd', ['slapd'], () => {
  const servers = both((tls) => startLdapServer(pki, { tls }));

  /** A simple bind, and its answer. */
  const login = ({ bindDn, password }: LdapServer): Step => {
    const name = `\x04${String.fromCharCode(bindDn.length)}${bindDn}`;
    const proof = `\x80${String.fromCharCode(password.length)}${password}`;
    const bind = `\x02\x01\x03${name}${proof}`;
    const operation = `\x02\x01\x09\x60${String.fromCharCode(bind.length)}${bind}`;
    return [`\x30${String.fromCharCode(operation.length)}${operation}`, /a.\n.\0.*/s];
  };

  inEveryColumn('upgrades, and a user logs in', async (column) => {
    const { tls: server } = servers();
    const result = await converse(column, at('ldap', server.ldapPort), [login(server)]);
    expect(result).toMatchObject({ outcome: 'upgraded', reply: { code: '0' }, credentialsInClear: null });
    expect(result.preTlsCapabilities).toContain('supportedExtension: 1.3.6.1.4.1.1466.20037');
    expect(result.preTlsCapabilities).not.toContain('supportedSASLMechanisms: PLAIN');
    expect(result.postTlsCapabilities).toContain('supportedSASLMechanisms: PLAIN');
  });

  inEveryColumn('may demand it', async (column) => {
    const server = await startLdapServer(pki, { requireTls: true });
    const result = await converse(column, at('ldap', server.ldapPort), [login(server)]);
    expect(result).toMatchObject({ outcome: 'upgraded', credentialsInClear: false });
    expect(result.preTlsCapabilities).toEqual(['resultCode: 13 confidentialityRequired']);
    await server.stop();
  });

  inEveryColumn('has TLS from the first byte', async (column) => {
    const { tls: server } = servers();
    const result = await converse(column, at('ldaps', server.ldapsPort), [login(server)]);
    expect(result).toMatchObject({ outcome: 'direct', tls: { verify: { result: 'verified' } } });
    expect(result.postTlsCapabilities).toContain('supportedLDAPVersion: 3');
  });

  inEveryColumn('may have none', async (column) => {
    const { clear: server } = servers();
    expect(await refusal(column, at('ldap', server.ldapPort))).toMatchObject({ outcome: 'notOffered', tls: null });
    const result = await converse(column, at('ldap', server.ldapPort, { policy: 'prefer' }), [login(server)]);
    expect(result).toMatchObject({ outcome: 'clear', tls: null });
  });

  inEveryColumn('on the other port is recognized', async (column) => {
    const { tls: server } = servers();
    expect((await refusal(column, at('ldap', server.ldapsPort))).outcome).toMatch(/^(wrongMode|closed)$/);
    expect((await refusal(column, at('ldaps', server.ldapPort))).outcome).toMatch(/^(handshake|closed|wrongMode)$/);
  });
});

interop('PostgreSQL', ['postgres'], () => {
  const servers = both((tls) => startPostgresServer(pki, { tls }));

  /** StartupMessage; the server wants a proof by SCRAM. */
  const start = ({ user, database }: PostgresServer): Step => {
    const body = `\0\x03\0\0user\0${user}\0database\0${database}\0\0`;
    return [`\0\0\0${String.fromCharCode(body.length + 4)}${body}`, /^R.*SCRAM-SHA-256/s];
  };

  inEveryColumn('upgrades, and a session begins', async (column) => {
    const { tls: server } = servers();
    const result = await converse(column, at('postgres', server.port), [start(server)]);
    expect(result).toMatchObject({ outcome: 'upgraded', reply: { code: 'S' }, postTlsCapabilities: null });
  });

  inEveryColumn('may have no TLS', async (column) => {
    const { clear: server } = servers();
    expect(await refusal(column, at('postgres', server.port))).toMatchObject({
      outcome: 'refused',
      reply: { code: 'N' },
    });
    const result = await converse(column, at('postgres', server.port, { policy: 'prefer' }), [start(server)]);
    expect(result).toMatchObject({ outcome: 'clear', reply: { code: 'N' } });
  });
});

interop('MariaDB', ['mariadbd'], () => {
  const servers = both((tls) => startMariadbServer(pki, { tls }));
  const sha1 = (...parts: readonly Uint8Array[]) => createHash('sha1').update(Buffer.concat(parts)).digest();

  /** HandshakeResponse41 with a proof by mysql_native_password, and OK. */
  const login = ({ user, password }: MariadbServer, scramble: string, sequence: number): Step => {
    const once = sha1(Buffer.from(password));
    const mask = sha1(Buffer.from(scramble, 'hex'), sha1(once));
    const proof = once.map((byte, index) => byte ^ (mask[index] ?? 0));
    const flags = sequence === 1 ? '\x01\xa2\x08\0' : '\x01\xaa\x08\0';
    const head = `${flags}\0\0\0\x01\x2d${'\0'.repeat(23)}`;
    const body = `${head}${user}\0\x14${Buffer.from(proof).toString('latin1')}mysql_native_password\0`;
    const length = String.fromCharCode(body.length & 0xff, body.length >> 8, 0);
    return [
      `${length}${String.fromCharCode(sequence)}${body}`,
      new RegExp(`^...${String.fromCharCode(sequence + 1)}\\0`, 's'),
    ];
  };
  const scrambleOf = (capabilities: readonly string[]): string =>
    capabilities.find((entry) => entry.startsWith('scramble '))?.slice(9) ?? '';

  inEveryColumn('upgrades, and a user logs in by the scramble of the greeting', async (column) => {
    const { tls: server } = servers();
    const result = await converse(column, at('mysql', server.port), ({ preTlsCapabilities }) => [
      login(server, scrambleOf(preTlsCapabilities), 2),
    ]);
    expect(result).toMatchObject({ outcome: 'upgraded', greeting: expect.stringContaining('MariaDB') });
    expect(result.preTlsCapabilities).toContain('CLIENT_SSL');
  });

  inEveryColumn('may have no TLS', async (column) => {
    const { clear: server } = servers();
    expect(await refusal(column, at('mysql', server.port))).toMatchObject({ outcome: 'notOffered' });
    const place = at('mysql', server.port, { policy: 'prefer' });
    const result = await converse(column, place, ({ preTlsCapabilities }) => [
      login(server, scrambleOf(preTlsCapabilities), 1),
    ]);
    expect(result.outcome).toBe('clear');
  });
});

interop('Prosody', ['prosody'], () => {
  const servers = both((tls) => startXmppServer(pki, { tls, requireTls: tls }));

  const login = ({ user, password }: XmppServer): Step => {
    const proof = Buffer.from(`\0${user}\0${password}`).toString('base64');
    return [`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${proof}</auth>`, /<success /];
  };

  inEveryColumn('upgrades clients, and a user logs in', async (column) => {
    const { tls: server } = servers();
    const result = await converse(column, at('xmpp', server.clientPort), [login(server)]);
    expect(result).toMatchObject({ outcome: 'upgraded', greeting: 'localhost', credentialsInClear: false });
    expect(result.preTlsCapabilities).toEqual(['starttls required']);
    expect(result.postTlsCapabilities?.join()).toMatch(/^mechanisms .*PLAIN/);
  });

  inEveryColumn('upgrades servers', async (column) => {
    const { tls: server } = servers();
    const result = await converse(column, at('xmpp-server', server.serverPort, { self: 'client.example' }));
    expect(result).toMatchObject({ outcome: 'upgraded', postTlsCapabilities: expect.arrayContaining(['dialback']) });
    expect(result.preTlsCapabilities).toContain('starttls required');
  });

  inEveryColumn('has TLS from the first byte for both', async (column) => {
    const { tls: server } = servers();
    const clients = await converse(column, at('xmpps', server.clientTlsPort), [login(server)]);
    expect(clients).toMatchObject({ outcome: 'direct' });
    const peers = await converse(column, at('xmpps-server', server.serverTlsPort, { self: 'client.example' }));
    expect(peers).toMatchObject({ outcome: 'direct' });
  });

  inEveryColumn('verifies the domain, not the host', async (column) => {
    const { tls: server } = servers();
    const place = (domain: string): Place => {
      return { url: `xmpp://${domain}@127.0.0.1:${server.clientPort}`, tls: { ca: pki.ca } };
    };
    const { tls } = await converse(column, place('localhost'));
    expect(tls).toMatchObject({ servername: 'localhost', verify: { result: 'verified' } });
    // Prosody does not know the other one, and says so in clear.
    expect(await refusal(column, place('other.example'))).toMatchObject({ outcome: 'refused' });
    const renamed = { ...place('localhost'), tls: { ca: pki.ca, servername: 'other.example' } };
    expect(await refusal(column, renamed)).toMatchObject({ outcome: 'unverified' });
  });

  inEveryColumn('may have no TLS', async (column) => {
    const { clear: server } = servers();
    expect(await refusal(column, at('xmpp', server.clientPort))).toMatchObject({ outcome: 'notOffered' });
    const result = await converse(column, at('xmpp', server.clientPort, { policy: 'prefer' }), [login(server)]);
    expect(result).toMatchObject({ outcome: 'clear', credentialsInClear: true });
  });
});

interop('CUPS', ['cupsd', 'root'], () => {
  let port = 0;
  beforeAll(async () => {
    const server = await startIppServer(pki);
    port = server.port;
    return () => server.stop();
  });
  const ask: Step = ['GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 404 .*\r\n\r\n/s];

  inEveryColumn('upgrades by OPTIONS, and serves on', async (column) => {
    const result = await converse(column, at('ipp', port), [ask]);
    expect(result).toMatchObject({ outcome: 'upgraded', reply: { code: '101' } });
    expect(result.postTlsCapabilities?.join()).toMatch(/Server: CUPS/);
  });

  inEveryColumn('has TLS from the first byte on the same port', async (column) => {
    const result = await converse(column, at('ipps', port), [ask]);
    expect(result).toMatchObject({ outcome: 'direct', greeting: 'HTTP/1.1 200 OK' });
  });
});

interop('C-Kermit', ['kermit'], () => {
  for (const otherOptions of [false, true]) {
    inEveryColumn(`upgrades${otherOptions ? ' among other options' : ''}, and sends a line back`, async (column) => {
      const server = await startTelnetServer(pki, { otherOptions });
      const steps: readonly Step[] = otherOptions ? [] : [['hello\r\n', /hello/]];
      const result = await converse(column, at('telnet', server.port), steps);
      expect(result).toMatchObject({ outcome: 'upgraded', preTlsCapabilities: ['DO START_TLS'] });
      await server.stop();
    });
  }
});
