/**
 * System error numbers: the Linux number (the default STATUS family), the Winsock number (the optional one) and
 * the text that TCPOP_ERRMSG returns. Source: errno(3), reference tcpx §6.3.
 *
 * Where Winsock has no counterpart the Linux number stands in both columns.
 */
import { once } from './once.ts';

export interface Errno {
  readonly linux: number;
  readonly windows: number;
  readonly text: string;
}

export const ERRNO = {
  EPERM: { linux: 1, windows: 1, text: 'Operation not permitted' },
  ENOENT: { linux: 2, windows: 11001, text: 'Host not found' },
  EINTR: { linux: 4, windows: 10004, text: 'Interrupted system call' },
  EIO: { linux: 5, windows: 5, text: 'Input/output error' },
  EBADF: { linux: 9, windows: 10038, text: 'Bad file descriptor' },
  EAGAIN: { linux: 11, windows: 10035, text: 'Resource temporarily unavailable' },
  ENOMEM: { linux: 12, windows: 8, text: 'Cannot allocate memory' },
  EACCES: { linux: 13, windows: 10013, text: 'Permission denied' },
  EFAULT: { linux: 14, windows: 10014, text: 'Bad address' },
  EBUSY: { linux: 16, windows: 170, text: 'Device or resource busy' },
  ENODEV: { linux: 19, windows: 19, text: 'No such device' },
  EINVAL: { linux: 22, windows: 10022, text: 'Invalid argument' },
  ENFILE: { linux: 23, windows: 23, text: 'Too many open files in system' },
  EMFILE: { linux: 24, windows: 10024, text: 'Too many open files' },
  EPIPE: { linux: 32, windows: 10058, text: 'Broken pipe' },
  EPROTO: { linux: 71, windows: 71, text: 'Protocol error' },
  EBADMSG: { linux: 74, windows: 74, text: 'Bad message' },
  ENOTSOCK: { linux: 88, windows: 10038, text: 'Socket operation on non-socket' },
  EDESTADDRREQ: { linux: 89, windows: 10039, text: 'Destination address required' },
  EMSGSIZE: { linux: 90, windows: 10040, text: 'Message too long' },
  EPROTONOSUPPORT: { linux: 93, windows: 10043, text: 'Protocol not supported' },
  EOPNOTSUPP: { linux: 95, windows: 10045, text: 'Operation not supported' },
  EAFNOSUPPORT: { linux: 97, windows: 10047, text: 'Address family not supported by protocol' },
  EADDRINUSE: { linux: 98, windows: 10048, text: 'Address already in use' },
  EADDRNOTAVAIL: { linux: 99, windows: 10049, text: 'Cannot assign requested address' },
  ENETDOWN: { linux: 100, windows: 10050, text: 'Network is down' },
  ENETUNREACH: { linux: 101, windows: 10051, text: 'Network is unreachable' },
  ENETRESET: { linux: 102, windows: 10052, text: 'Network dropped connection on reset' },
  ECONNABORTED: { linux: 103, windows: 10053, text: 'Software caused connection abort' },
  ECONNRESET: { linux: 104, windows: 10054, text: 'Connection reset by peer' },
  ENOBUFS: { linux: 105, windows: 10055, text: 'No buffer space available' },
  EISCONN: { linux: 106, windows: 10056, text: 'Transport endpoint is already connected' },
  ENOTCONN: { linux: 107, windows: 10057, text: 'Transport endpoint is not connected' },
  ESHUTDOWN: { linux: 108, windows: 10058, text: 'Cannot send after transport endpoint shutdown' },
  ETIMEDOUT: { linux: 110, windows: 10060, text: 'Connection timed out' },
  ECONNREFUSED: { linux: 111, windows: 10061, text: 'Connection refused' },
  EHOSTDOWN: { linux: 112, windows: 10064, text: 'Host is down' },
  EHOSTUNREACH: { linux: 113, windows: 10065, text: 'No route to host' },
  EALREADY: { linux: 114, windows: 10037, text: 'Operation already in progress' },
  EINPROGRESS: { linux: 115, windows: 10036, text: 'Operation now in progress' },
  ECANCELED: { linux: 125, windows: 10103, text: 'Operation canceled' },
} as const satisfies Record<string, Errno>;

/** The names of the system errors that are known here. */
export type ErrnoName = keyof typeof ERRNO;

const namesByNumber = once(
  (): ReadonlyMap<number, ErrnoName> =>
    new Map((Object.keys(ERRNO) as ErrnoName[]).map((name) => [ERRNO[name].linux, name])),
);

const namesByWindowsNumber = once(
  (): ReadonlyMap<number, ErrnoName> =>
    new Map((Object.keys(ERRNO) as ErrnoName[]).reverse().map((name) => [ERRNO[name].windows, name])),
);

/** The name of a Linux errno; EIO stands for one that the table does not know. */
export function errnoName(linux: number): ErrnoName {
  return namesByNumber().get(linux) ?? 'EIO';
}

/** The table's entry for a number of either family, or undefined. Both signs are accepted. */
export function lookUpErrno(number: number, family: 'linux' | 'windows'): ErrnoName | undefined {
  const positive = Math.abs(number);
  return (family === 'windows' ? namesByWindowsNumber() : namesByNumber()).get(positive);
}

/** True for a string such as the `code` of a Node system error that the table knows. */
export function isErrnoName(name: string): name is ErrnoName {
  return Object.hasOwn(ERRNO, name);
}
