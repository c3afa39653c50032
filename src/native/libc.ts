/**
 * libc, bound once. Only numbers, addresses and byte arrays cross; every call returns at once on the non-blocking
 * descriptors of this project. Names are C's; see the man page named above each group.
 */
import { type ErrnoName, errnoName } from '../core/errno.ts';
import { IoError } from '../core/errors.ts';
import { loadKoffi, openLibrary } from './library.ts';

/** An address in C memory, as koffi hands it out. */
export type Pointer = bigint | number;
/** The address of memory that is kept, from {@link addressOf}: it spares koffi a look at the array in every call. */
export type KeptAddress = number;
/** What a pointer parameter takes. */
export type Memory = Uint8Array | Int32Array | BigUint64Array | Pointer | null;

export interface Libc {
  /** The errno of the last call through koffi; read in the statement after it. */
  errno(): number;
  // socket(2), bind(2), listen(2), accept(2), connect(2), shutdown(2), getsockname(2)
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: Uint8Array | null, length: Int32Array | null, flags: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  shutdown(fd: number, how: number): number;
  getsockname(fd: number, address: Uint8Array, length: Int32Array): number;
  getpeername(fd: number, address: Uint8Array, length: Int32Array): number;
  getsockopt(fd: number, level: number, name: number, value: Int32Array, length: Int32Array): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array, length: number): number;
  // recv(2), send(2), ioctl(2), flock(2), dup(2), close(2)
  recv(fd: number, into: Uint8Array, length: number, flags: number): number;
  send(fd: number, from: Uint8Array, length: number, flags: number): number;
  ioctl(fd: number, request: number, value: Int32Array): number;
  flock(fd: number, operation: number): number;
  dup3(from: number, to: number, flags: number): number;
  close(fd: number): number;
  // poll(2), epoll(7)
  poll(fds: KeptAddress, count: number, timeout: number): number;
  ppoll(fds: Int32Array, count: number, timeout: Int32Array | null, mask: Uint8Array | null): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array | null): number;
  epoll_wait(epoll: number, events: KeptAddress, count: number, timeout: number): number;
  epoll_wait_async(
    epoll: number,
    events: KeptAddress,
    count: number,
    timeout: number,
    done: (error: unknown, result: number) => void,
  ): void;
  // malloc(3), memcpy(3)
  calloc(count: number, size: number): Pointer;
  free(block: Pointer): void;
  memcpy(to: Memory, from: Memory, count: number): unknown;
  // getaddrinfo(3), getaddrinfo_a(3); the latter is null where libc lacks it
  getaddrinfo(node: string, service: null, hints: Uint8Array, result: BigUint64Array): number;
  freeaddrinfo(list: Pointer): void;
  asynchronousLookup: AsynchronousLookup | null;
  // if_nametoindex(3); the name goes into IF_NAMESIZE bytes
  if_nametoindex(name: string): number;
  if_indextoname(index: number, name: Uint8Array): Pointer | null;
}

export interface AsynchronousLookup {
  getaddrinfo_a(mode: number, list: BigUint64Array, count: number, event: null): number;
  gai_suspend(list: BigUint64Array, count: number, timeout: Int32Array | null): number;
  gai_error(request: Pointer): number;
  gai_cancel(request: Pointer): number;
}

let bound: Libc | undefined;

/**
 * The bound functions.
 *
 * @throws EngineError when koffi or libc cannot be loaded
 */
export function loadLibc(): Libc {
  bound ??= bind();
  return bound;
}

function bind(): Libc {
  const koffi = loadKoffi();
  const library = openLibrary(['libc.so.6', 'libc.so'], 'libc6');
  const f = (definition: string) => library.func(definition);
  const epoll_wait = f('int epoll_wait(int epoll, intptr_t events, int count, int timeout)');
  return {
    errno: () => koffi.errno(),
    socket: f('int socket(int domain, int type, int protocol)'),
    bind: f('int bind(int fd, void *address, uint32_t length)'),
    listen: f('int listen(int fd, int backlog)'),
    accept4: f('int accept4(int fd, void *address, void *length, int flags)'),
    connect: f('int connect(int fd, void *address, uint32_t length)'),
    shutdown: f('int shutdown(int fd, int how)'),
    getsockname: f('int getsockname(int fd, void *address, void *length)'),
    getpeername: f('int getpeername(int fd, void *address, void *length)'),
    getsockopt: f('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    setsockopt: f('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
    recv: f('long recv(int fd, void *into, size_t length, int flags)'),
    send: f('long send(int fd, void *from, size_t length, int flags)'),
    ioctl: f('int ioctl(int fd, unsigned long request, void *value)'),
    flock: f('int flock(int fd, int operation)'),
    dup3: f('int dup3(int from, int to, int flags)'),
    close: f('int close(int fd)'),
    poll: f('int poll(intptr_t fds, unsigned long count, int timeout)'),
    ppoll: f('int ppoll(void *fds, unsigned long count, void *timeout, void *mask)'),
    epoll_create1: f('int epoll_create1(int flags)'),
    epoll_ctl: f('int epoll_ctl(int epoll, int operation, int fd, void *event)'),
    epoll_wait,
    epoll_wait_async: epoll_wait.async,
    calloc: f('void *calloc(size_t count, size_t size)'),
    free: f('void free(void *block)'),
    memcpy: f('void *memcpy(void *to, void *from, size_t count)'),
    getaddrinfo: f('int getaddrinfo(str node, void *service, void *hints, void *result)'),
    freeaddrinfo: f('void freeaddrinfo(void *list)'),
    asynchronousLookup: bindAsynchronousLookup(f),
    if_nametoindex: f('uint32_t if_nametoindex(str name)'),
    if_indextoname: f('void *if_indextoname(uint32_t index, void *name)'),
  };
}

function bindAsynchronousLookup(f: (definition: string) => AsynchronousLookup[keyof AsynchronousLookup] & object) {
  try {
    return {
      getaddrinfo_a: f('int getaddrinfo_a(int mode, void *list, int count, void *event)'),
      gai_suspend: f('int gai_suspend(void *list, int count, void *timeout)'),
      gai_error: f('int gai_error(void *request)'),
      gai_cancel: f('int gai_cancel(void *request)'),
    } as unknown as AsynchronousLookup;
  } catch {
    // musl has none; name resolution then cannot be bounded by a timer in a synchronous call.
    return null;
  }
}

/** V8 keeps smaller arrays among its own objects, which it moves. */
const LEAST_FIXED = 65;

/** Where the bytes of an array are, for as long as there is the array, which has to have more than 64. */
export function addressOf(memory: Uint8Array | Int32Array): KeptAddress {
  if (memory.byteLength < LEAST_FIXED) throw new Error(`${memory.byteLength} bytes have no address to keep`);
  return Number(loadKoffi().address(memory));
}

/** The error of the system call that has just failed. */
export function systemError(what: string): IoError {
  return new IoError(lastErrno(), what);
}

export function lastErrno(): ErrnoName {
  return errnoName(loadLibc().errno());
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const O_CLOEXEC = 0x80000;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_MEMINFO = 55;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const MSG_PEEK = 0x2;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const FIONREAD = 0x541b;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;
/** Of poll(2): an error, such as a reset, waits to be met; the peer has ended sending. */
export const POLLERR = 0x8;
export const POLLRDHUP = 0x2000;
export const EPOLL_CLOEXEC = 0x80000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 0x80000000;
