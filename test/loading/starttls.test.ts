// A process that speaks other protocols loads neither XML nor BER.
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { dialectNamed } from '../../src/starttls/dialects.ts';
import { play } from '../support/dialect-play.ts';
import { readTranscript } from '../support/transcript.ts';

const loaded = () =>
  ['sax', 'asn1js'].filter((name) =>
    Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes(`/node_modules/${name}/`)),
  );

it('loads each library with the first message that needs it', () => {
  for (const name of ['smtp', 'postgres', 'mysql', 'http', 'telnet']) {
    expect(play(dialectNamed(name), readTranscript(`${name}-upgrade`)).result.outcome).toBe('upgraded');
  }
  expect(loaded()).toEqual([]);
  expect(play(dialectNamed('xmpp'), readTranscript('xmpp-upgrade')).result.outcome).toBe('upgraded');
  expect(loaded()).toEqual(['sax']);
  expect(play(dialectNamed('ldap'), readTranscript('ldap-upgrade')).result.outcome).toBe('upgraded');
  expect(loaded()).toEqual(['sax', 'asn1js']);
});
