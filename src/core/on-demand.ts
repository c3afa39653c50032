/**
 * Modules of Node that many programs never need, loaded when they are: importing them with the package would be a good
 * part of its start.
 */
import type crypto from 'node:crypto';
import type dns from 'node:dns';
import { createRequire } from 'node:module';
import type net from 'node:net';
import type tls from 'node:tls';
import type workers from 'node:worker_threads';

const load = createRequire(import.meta.url);

export function nodeCrypto(): typeof crypto {
  return load('node:crypto');
}

export function nodeDns(): typeof dns {
  return load('node:dns');
}

export function nodeNet(): typeof net {
  return load('node:net');
}

export function nodeTls(): typeof tls {
  return load('node:tls');
}

export function nodeWorkers(): typeof workers {
  return load('node:worker_threads');
}
