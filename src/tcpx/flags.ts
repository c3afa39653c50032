/**
 * The flags parameter: option bits for the opcodes that open or upgrade, a byte count for READ and WRITE, and the TLS
 * bit in both (reference tcpx §3). The numbers are those of a site's own ashell.def where it has one.
 */
import {
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from '../../ashell.def.ts';
import type { SymbolSet } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';

export interface FlagBits {
  readonly block: number;
  readonly listen: number;
  readonly async: number;
  readonly keepListen: number;
  readonly tls: number;
  readonly startTls: number;
}

export const FLAG_BITS: FlagBits = Object.freeze({
  block: TCPXFLG_BLOCK,
  listen: TCPXFLG_LISTEN,
  async: TCPXFLG_ASYNC,
  keepListen: TCPXFLG_KEEPLISTEN,
  tls: TCPXFLG_TLS,
  startTls: TCPXFLG_STARTTLS,
});

const SYMBOLS: Readonly<Record<keyof FlagBits, string>> = {
  block: 'TCPXFLG_BLOCK',
  listen: 'TCPXFLG_LISTEN',
  async: 'TCPXFLG_ASYNC',
  keepListen: 'TCPXFLG_KEEPLISTEN',
  tls: 'TCPXFLG_TLS',
  startTls: 'TCPXFLG_STARTTLS',
};

/** The bits as a site's ashell.def has them. */
export function flagBitsOf(symbols: SymbolSet): FlagBits {
  const bit = (name: keyof FlagBits) => {
    const value = symbols.number(SYMBOLS[name]) ?? FLAG_BITS[name];
    if (!(value > 0) || !Number.isInteger(Math.log2(value))) {
      throw new UsageError(`${SYMBOLS[name]} must be one bit, the site's ashell.def says ${value}`);
    }
    return value;
  };
  return Object.freeze({
    block: bit('block'),
    listen: bit('listen'),
    async: bit('async'),
    keepListen: bit('keepListen'),
    tls: bit('tls'),
    startTls: bit('startTls'),
  });
}

/** Whether a bit is set in a flags number, which may have up to 48 bits. */
export function hasFlag(flags: number, bit: number): boolean {
  return flags >= bit && Math.floor(flags / bit) % 2 === 1;
}

/** The byte count of a READ or WRITE on a TLS connection: what lies below the TLS bit (reference tcpx §3.2). */
export function countBelowTlsBit(flags: number, bits: FlagBits): number {
  return flags % bits.tls;
}

/** A flags number as text, for traces: `BLOCK|TLS`, unknown bits in hexadecimal. */
export function describeFlags(flags: number, bits: FlagBits): string {
  let rest = flags;
  const parts: string[] = [];
  for (const name of Object.keys(SYMBOLS) as (keyof FlagBits)[]) {
    if (!hasFlag(flags, bits[name])) continue;
    parts.push(SYMBOLS[name].replace('TCPXFLG_', ''));
    rest -= bits[name];
  }
  if (rest !== 0 || parts.length === 0) parts.push(rest < 16 ? String(rest) : `0x${rest.toString(16)}`);
  return parts.join('|');
}
