// Each dialect's client against its own server, in one thread: the honest way, and every deception the server knows.
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { runAsync } from '../../src/core/run.ts';
import type { Attack, Dialect } from '../../src/starttls/dialect.ts';
import { DIALECTS } from '../../src/starttls/dialects.ts';
import { INJECTION_PROBES } from '../../src/starttls/injection-probes.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { Wire } from '../../src/starttls/wire.ts';
import { ATTACK_OUTCOMES } from '../support/attack-outcomes.ts';
import { channelPair } from '../support/channel-pair.ts';

const PARTIES = { host: 'mx.example', self: 'client.example' };

async function meet(dialect: Dialect, attack: Attack | null, encrypted = false) {
  const pair = channelPair({ encrypted });
  const client = new Wire(pair.client, { until: Deadline.after(attack === 'silence' ? 50 : 5_000) });
  const server = new Wire(pair.server, { until: Deadline.after(5_000), role: 'server' });
  const serving = runAsync(serveOp(dialect, server, { host: PARTIES.host, attack })).catch((error: Error) => error);
  const result = await runAsync(negotiateOp(dialect, client, PARTIES));
  if (pair.client.closed === false) {
    await runAsync(dialect.client.leaveOp(client));
    await runAsync(pair.client.closeOp());
  }
  return { result, service: await serving };
}

it('every dialect says what may be injected into it', () => {
  expect(Object.keys(INJECTION_PROBES).sort()).toEqual(DIALECTS.map(({ name }) => name).sort());
});

describe.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))('%s', (_name, dialect) => {
  it('client and server of the same dialect come to TLS', async () => {
    const { result, service } = await meet(dialect, null);
    expect(result).toMatchObject({ outcome: 'upgraded', reason: '', discardedBytes: 0 });
    expect(service).toMatchObject({ tls: { version: 'TLSv1.3' } });
  });

  it.each(dialect.server.attacks)('a client sees through %s', async (attack) => {
    const { result } = await meet(dialect, attack);
    expect(ATTACK_OUTCOMES[attack]).toContain(result.outcome);
    if (result.outcome === 'injected') expect(result.discardedBytes).toBeGreaterThan(0);
  });

  if (dialect.directScheme === null && dialect.directPort === null) return;
  it('speaks inside direct TLS', async () => {
    const { result } = await meet(dialect, null, true);
    expect(result.outcome).toBe('direct');
  });
});
