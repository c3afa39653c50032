// Injections are published on a diagnostics channel, whatever the policy makes of them.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import { INJECTION_CHANNEL, type InjectionPolicy } from '../../src/starttls/injections.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import { SMTP } from '../../src/starttls/smtp.ts';
import { Wire } from '../../src/starttls/wire.ts';
import { parseTranscript, TranscriptChannel } from '../support/transcript.ts';

const CLEAR = 'S: 220 mx⏎\nC: EHLO me⏎\nS: 250-mx⏎\nS: 250 STARTTLS⏎\nC: STARTTLS⏎\nS: 220 go⏎\n';
const INSIDE = '<TLS>\nC: EHLO me⏎\nS: 250 mx⏎\n';

function published(text: string, injected: InjectionPolicy): unknown[] {
  const seen: unknown[] = [];
  const note = (message: unknown) => seen.push(message);
  subscribe(INJECTION_CHANNEL, note);
  try {
    const channel = new TranscriptChannel(parseTranscript(text));
    const wire = new Wire(channel, { until: Deadline.after(1_000), injected });
    runSync(negotiateOp(SMTP, wire, { host: 'mx', self: 'me' }), sleeper);
  } finally {
    unsubscribe(INJECTION_CHANNEL, note);
  }
  return seen;
}

describe('an injection', () => {
  it.each(['reject', 'drop'] as const)('is published under the policy %s', (policy) => {
    const sample = Buffer.from('250 x\r\n').toString('hex');
    expect(published(`${CLEAR}S! 250 x⏎\n${INSIDE}`, policy)).toEqual([{ from: 'server', count: 7, sample, policy }]);
  });

  it('is not published where there is none', () => {
    expect(published(`${CLEAR}${INSIDE}`, 'reject')).toEqual([]);
  });
});
