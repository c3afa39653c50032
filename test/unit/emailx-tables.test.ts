// The tables that everything else refers to: statuses, refusals, assumptions, options.
import { describe, expect, it } from 'vitest';
import * as ashellDef from '../../ashell.def.ts';
import { TcpxError, UsageError } from '../../src/core/errors.ts';
import {
  describeEmailxAssumptions,
  EMAILX_DEFAULTS,
  type EmailxAssumptions,
  parseEmailxAssumptions,
} from '../../src/emailx/assumptions.ts';
import { EmailxError } from '../../src/emailx/error.ts';
import { parseEmailxOptions } from '../../src/emailx/options.ts';
import { REFUSALS, type Refusal, STATUSES } from '../../src/emailx/statuses.ts';

describe('statuses', () => {
  it('are those of ashell.def, 71 to 81', () => {
    const symbols = Object.entries(ashellDef).filter(([name]) => name.startsWith('EMS_') && name !== 'EMS_OK');
    expect(Object.entries(STATUSES).map(([status, { symbol }]) => [symbol, Number(status)])).toEqual(symbols);
    expect(Object.keys(STATUSES).map(Number)).toEqual(Array.from({ length: 11 }, (_, index) => 71 + index));
  });

  it('each have a refusal that gives them', () => {
    const given = new Set(Object.values(REFUSALS).map(({ status }) => status));
    expect([...given].sort()).toEqual(Object.keys(STATUSES).map(Number));
  });

  it('come with the error of each refusal', () => {
    for (const [refusal, { status }] of Object.entries(REFUSALS)) {
      const error = new EmailxError(refusal as Refusal, 'why', { cause: 1 });
      expect(error).toBeInstanceOf(TcpxError);
      expect(error).toMatchObject({
        name: 'EmailxError',
        code: 'TCPX_EMAILX',
        refusal,
        status,
        message: 'why',
        cause: 1,
      });
    }
    expect(new EmailxError('noBody', 'why', { status: 17 }).status).toBe(17);
  });
});

describe('assumptions', () => {
  it('have defaults that they accept', () => {
    for (const [name, value] of Object.entries(EMAILX_DEFAULTS)) {
      const { accepts, meaning, source } = describeEmailxAssumptions()[name as keyof EmailxAssumptions];
      expect(accepts(value), name).toBe(true);
      expect(meaning, name).not.toBe('');
      expect(source, name).toMatch(/^emailx §/);
    }
    expect(parseEmailxAssumptions()).toEqual(EMAILX_DEFAULTS);
    expect(Object.isFrozen(parseEmailxAssumptions())).toBe(true);
  });

  it('are what a caller sets', () => {
    expect(parseEmailxAssumptions({ wait: 5, xMailer: '' })).toMatchObject({ wait: 5, xMailer: '', clearAuth: false });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ wiat: 5 }, 'emailx.assume.wiat is unknown; there are unknownItem, '],
    [{ toString: 1 }, 'emailx.assume.toString is unknown'],
    [{ wait: 0 }, 'emailx.assume.wait cannot be 0: WAIT without the item'],
    [{ wait: '5' }, 'emailx.assume.wait cannot be "5"'],
    [{ clearAuth: 1 }, 'emailx.assume.clearAuth cannot be 1'],
    [{ filespecCase: 'upper' }, 'emailx.assume.filespecCase cannot be "upper"'],
    [{ xMailer: 'a\r\nBcc: x' }, 'emailx.assume.xMailer cannot be'],
    [{ charset: 'a b' }, 'emailx.assume.charset cannot be'],
    [{ closedSocket: 5 }, 'emailx.assume.closedSocket cannot be 5'],
    [{ missingBody: 550 }, 'emailx.assume.missingBody cannot be 550'],
  ])('%j is a usage error', (given, message) => {
    expect(() => parseEmailxAssumptions(given)).toThrow(UsageError);
    expect(() => parseEmailxAssumptions(given)).toThrow(message);
  });
});

describe('the option emailx', () => {
  it('has defaults', () => {
    expect(parseEmailxOptions(undefined)).toMatchObject({ jobName: `node-${process.pid}`, assume: { wait: 30 } });
  });

  it.each<[unknown, string]>([
    [7, 'emailx is an object of options, not 7'],
    [{ assume: [] }, 'emailx.assume is an object of options, not []'],
    [{ files: null }, 'emailx.files is an object of options, not null'],
    [{ assumes: {} }, "job option 'emailx.assumes' is unknown; there are assume, files, jobName"],
    [{ jobName: 'a b' }, 'emailx.jobName has 1 to 40 characters'],
    [{ jobName: '' }, 'emailx.jobName has 1 to 40 characters'],
  ])('%j is a usage error', (options, message) => {
    expect(() => parseEmailxOptions(options)).toThrow(UsageError);
    expect(() => parseEmailxOptions(options)).toThrow(message);
  });
});
