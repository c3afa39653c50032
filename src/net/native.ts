/** Sockets over libc: non-blocking, close-on-exec, one owner per descriptor. */
import { ByteQueue } from '../core/byte-queue.ts';
import type { Deadline } from '../core/deadline.ts';
import { errnoName } from '../core/errno.ts';
import { IoError } from '../core/errors.ts';
import { type Op, READABLE, WRITABLE, waitOp } from '../core/op.ts';
import { closeDescriptor, ofThisThread } from '../native/descriptor.ts';
import {
  AF_INET,
  AF_INET6,
  addressOf,
  FIONREAD,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  type Libc,
  lastErrno,
  loadLibc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_PEEK,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_ERROR,
  SO_MEMINFO,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  systemError,
  TCP_NODELAY,
} from '../native/libc.ts';
import { type Reactor, type Registration, threadReactor } from '../native/reactor.ts';
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from '../native/sockaddr.ts';
import {
  type Address,
  type Direction,
  type Listener,
  type PlainEndpoint,
  type Probe,
  type TlsRole,
  type Transfer,
  WANT_READ,
  WANT_WRITE,
} from './endpoint.ts';
import { READ_AHEAD_LIMIT } from './limits.ts';
import { CLIENT_HELLO_HEAD, strayBytes } from './stray-bytes.ts';

const NO_BYTES = new Uint8Array(0);
const scratch = new Uint8Array(64 * 1024);
const scratchInt = new Int32Array(1);
const scratchLength = new Int32Array(1);
/** Memory that C has seen before: showing it a small new array costs more than copying into this one. */
const scratchAddress = new Uint8Array(SOCKADDR_SIZE);
/** One struct pollfd (fd int | events short | revents short), in an array that is large enough to have an address. */
const pollFd = new Int32Array(32);
let pollFdAddress: number | undefined;
const peekByte = new Uint8Array(1);

/** A descriptor with exactly one owner, and its place in the thread's epoll set once it has one. */
export class OwnedFd {
  readonly fd: number;
  #registration: Registration | null = null;
  #reactor: Reactor | null = null;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  get open(): boolean {
    return this.#open;
  }

  get registration(): Registration {
    if (this.#registration === null) {
      this.#reactor = threadReactor();
      this.#registration = this.#reactor.register(this.fd);
    }
    return this.#registration;
  }

  watch(events: number, wake: () => void): () => void {
    return threadReactor().watch(this.registration, events, wake);
  }

  /** False when nothing has arrived since {@link foundIdle}: one epoll_wait(2) answers for all sockets of the thread. */
  mayBeReadable(): boolean {
    const registration = this.registration;
    if (!registration.edge) this.#reactor?.drain();
    return registration.edge;
  }

  /** Says that the descriptor was tried and had nothing to read. */
  foundIdle(): void {
    if (this.#registration === null) return;
    this.#registration.edge = false;
    this.#reactor?.edges.delete(this.#registration);
  }

  /** Says that something is left above the kernel: a READ in between has taken away what would have made an event. */
  foundMore(): void {
    if (this.#registration === null || this.#registration.edge) return;
    this.#registration.edge = true;
    this.#reactor?.edges.add(this.#registration);
  }

  /** Leaves the epoll set, then closes. Harmless when already closed. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#registration !== null) this.#reactor?.unregister(this.#registration);
    closeDescriptor(this.fd);
  }
}

/** The errno of a failed recv(2) or send(2): null when it only would block. */
function transferError(what: string): IoError | null {
  const name = lastErrno();
  return name === 'EAGAIN' || name === 'EINTR' ? null : new IoError(name, what);
}

export class NativeEndpoint implements PlainEndpoint {
  readonly tls = null;
  readonly readAhead: ByteQueue = new ByteQueue();
  readonly owned: OwnedFd;
  readonly #libc: Libc = loadLibc();
  /** A failure that was met behind bytes that had been delivered: every later call meets it again. */
  #failure: IoError | null = null;
  #receives = true;
  #local: Address | null = null;
  #remote: Address | null = null;
  /** Where it was connected to, undecoded; null where only the kernel knows. */
  readonly #peer: Uint8Array | null;

  constructor(owned: OwnedFd, peer: Uint8Array | null = null) {
    this.owned = owned;
    this.#peer = peer;
  }

  /** What a READ has met behind the bytes that it gave, and nobody has been told yet. */
  get failure(): IoError | null {
    return this.#failure;
  }

  /** False after SHUTDOWN for receiving. */
  get receives(): boolean {
    return this.#receives;
  }

  get fd(): number {
    return this.owned.fd;
  }

  get local(): Address {
    this.#local ??= nameOf(this.fd, 'getsockname');
    return this.#local;
  }

  get remote(): Address {
    this.#remote ??= this.#peer === null ? nameOf(this.fd, 'getpeername') : decodeSockaddr(this.#peer);
    return this.#remote;
  }

  watch(events: number, wake: () => void): () => void {
    return this.owned.watch(events, wake);
  }

  read(into: Uint8Array): Transfer {
    if (this.readAhead.length > 0) return this.readAhead.take(into);
    if (this.#failure !== null) throw this.#failure;
    const count = this.#libc.recv(this.owned.fd, into, into.length, MSG_DONTWAIT);
    if (count >= 0) return count;
    this.#fail('recv');
    return WANT_READ;
  }

  write(from: Uint8Array): Transfer {
    if (this.#failure !== null) throw this.#failure;
    const count = this.#libc.send(this.owned.fd, from, from.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return count;
    this.#fail('send');
    return WANT_WRITE;
  }

  #fail(what: string): void {
    this.#failure = transferError(what);
    if (this.#failure !== null) throw this.#failure;
  }

  probe(): Probe {
    if (this.readAhead.length > 0) return 'readable';
    if (this.#failure !== null) throw this.#failure;
    if (!this.owned.mayBeReadable()) return 'idle';
    const count = this.#libc.recv(this.fd, peekByte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count > 0) return 'readable';
    if (count === 0) return 'ended';
    this.#fail('recv');
    this.owned.foundIdle();
    return 'idle';
  }

  available(): number {
    if (this.#libc.ioctl(this.fd, FIONREAD, scratchInt) < 0) throw systemError('ioctl');
    return this.readAhead.length + (scratchInt[0] ?? 0);
  }

  fits(count: number): boolean {
    return nativeFits(this.#libc, this.fd, count);
  }

  shutdown(direction: Direction): Transfer {
    const how = direction === 'receive' ? SHUT_RD : direction === 'send' ? SHUT_WR : SHUT_RDWR;
    if (this.#libc.shutdown(this.fd, how) < 0) throw systemError('shutdown');
    this.#receives &&= direction === 'send';
    return 0;
  }

  // biome-ignore lint/correctness/useYield: closing a plain native socket never waits; the interface allows for it
  *closeOp(): Op<void> {
    this.destroy();
  }

  release(): void {
    this.destroy();
  }

  /** What was written is the kernel's. */
  discard(): void {}

  destroy(): void {
    if (!this.owned.open) return;
    this.#drain();
    this.owned.close();
  }

  /** Unread bytes would turn the close into a reset, which takes with it what was sent and is still on its way. */
  #drain(): void {
    for (let taken = 0; taken < READ_AHEAD_LIMIT; ) {
      const count = this.#libc.recv(this.owned.fd, scratch, scratch.length, MSG_DONTWAIT);
      if (count <= 0) return;
      taken += count;
    }
  }

  stray(role: TlsRole): { count: number; head: Uint8Array } {
    const queued = this.readAhead.length;
    const count = this.available();
    if (count === 0) return { count, head: NO_BYTES };
    // What this project has read already was read as plaintext; only the kernel can still hold a ClientHello.
    if (queued > 0) return { count, head: this.readAhead.peek(CLIENT_HELLO_HEAD) };
    const head = new Uint8Array(CLIENT_HELLO_HEAD);
    const peeked = this.#libc.recv(this.fd, head, head.length, MSG_PEEK | MSG_DONTWAIT);
    return strayBytes(role, count, head.subarray(0, Math.max(0, peeked)));
  }
}

/**
 * Whether the kernel can take `count` bytes now. It grants whole buffers beyond its own limit, and counts each byte
 * with overhead, so this is an estimate on the safe side; an empty buffer is always tried (reference tcpx §13, the
 * low-water mark).
 */
export function nativeFits(libc: Libc, fd: number, count: number): boolean {
  // SO_MEMINFO: rmem_alloc | rcvbuf | wmem_alloc | sndbuf | fwd_alloc | wmem_queued | optmem | backlog | drops
  scratchLength[0] = memoryInfo.byteLength;
  if (libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memoryInfo, scratchLength) < 0) return true;
  const room = (memoryInfo[3] ?? 0) - (memoryInfo[5] ?? 0);
  return (memoryInfo[5] ?? 0) === 0 || count + (count >> 2) + 2048 <= room;
}
const memoryInfo = new Int32Array(9);

function nameOf(fd: number, call: 'getsockname' | 'getpeername'): Address {
  const address = new Uint8Array(SOCKADDR_SIZE);
  const length = new Int32Array([SOCKADDR_SIZE]);
  return loadLibc()[call](fd, address, length) < 0 ? { host: '', port: 0 } : decodeSockaddr(address);
}

/** The events of poll(2) that are there now; 0 for none. */
export function polled(fd: number, events: number): number {
  pollFd[0] = fd;
  pollFd[1] = events;
  pollFdAddress ??= addressOf(pollFd);
  return loadLibc().poll(pollFdAddress, 1, 0) > 0 ? (pollFd[1] ?? 0) >> 16 : 0;
}

function setOption(fd: number, level: number, name: number, value: number): void {
  scratchInt[0] = value;
  loadLibc().setsockopt(fd, level, name, scratchInt, 4);
}

function openSocket(family: 4 | 6): OwnedFd {
  const domain = family === 6 ? AF_INET6 : AF_INET;
  const fd = loadLibc().socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) throw systemError('socket');
  return new OwnedFd(ofThisThread(fd));
}

export class NativeListener implements Listener {
  readonly local: Address;
  readonly owned: OwnedFd;

  constructor(owned: OwnedFd) {
    this.owned = owned;
    this.local = nameOf(owned.fd, 'getsockname');
  }

  get fd(): number {
    return this.owned.fd;
  }

  watch(events: number, wake: () => void): () => void {
    return this.owned.watch(events, wake);
  }

  accept(): PlainEndpoint | null {
    const fd = loadLibc().accept4(this.fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const name = lastErrno();
      // accept(2): a connection that broke while it waited is not the listener's error.
      if (name === 'EAGAIN' || name === 'EINTR' || name === 'ECONNABORTED' || name === 'EPROTO') return null;
      throw new IoError(name, 'accept');
    }
    const owned = new OwnedFd(ofThisThread(fd));
    setOption(owned.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return new NativeEndpoint(owned);
  }

  pending(): boolean {
    if (!this.owned.mayBeReadable()) return false;
    if (polled(this.fd, READABLE) !== 0) return true;
    this.owned.foundIdle();
    return false;
  }

  destroy(): void {
    this.owned.close();
  }
}

/** Connects to one address. */
export function* connectNativeOp(address: string, family: 4 | 6, port: number, until: Deadline): Op<PlainEndpoint> {
  const owned = openSocket(family);
  const what = `${address} port ${port}`;
  let connected = false;
  try {
    setOption(owned.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    const sockaddr = encodeSockaddr(address, port);
    scratchAddress.set(sockaddr);
    if (loadLibc().connect(owned.fd, scratchAddress, sockaddr.length) < 0) {
      const name = lastErrno();
      if (name !== 'EINPROGRESS' && name !== 'EINTR') throw new IoError(name, what);
      while (!established(owned.fd, what)) {
        if ((yield* waitOp(owned, WRITABLE, until)) === 'timeout') throw new IoError('ETIMEDOUT', what);
      }
    }
    connected = true;
    return new NativeEndpoint(owned, sockaddr);
  } finally {
    if (!connected) owned.close();
  }
}

/** The outcome of a connect(2) in progress; false while there is none. */
function established(fd: number, what: string): boolean {
  const events = polled(fd, WRITABLE);
  if (events === 0) return false;
  // Without POLLERR and POLLHUP, which poll(2) reports unasked, there is no error to ask for.
  if (events === WRITABLE) return true;
  scratchLength[0] = 4;
  if (loadLibc().getsockopt(fd, SOL_SOCKET, SO_ERROR, scratchInt, scratchLength) < 0) throw systemError(what);
  const code = scratchInt[0] ?? 0;
  if (code !== 0) throw new IoError(errnoName(code), what);
  return true;
}

/** Binds and listens on an IP literal. */
export function listenNative(address: string, port: number, backlog: number): NativeListener {
  const sockaddr = encodeSockaddr(address, port);
  const owned = openSocket(address.includes(':') ? 6 : 4);
  try {
    setOption(owned.fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address === '::') setOption(owned.fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    const libc = loadLibc();
    if (libc.bind(owned.fd, sockaddr, sockaddr.length) < 0) throw systemError(`port ${port}`);
    if (libc.listen(owned.fd, backlog) < 0) throw systemError(`port ${port}`);
    return new NativeListener(owned);
  } catch (error) {
    owned.close();
    throw error;
  }
}
