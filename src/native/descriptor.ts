/**
 * Descriptors that end with their thread. The kernel closes them with the process, and a worker thread may end long before;
 * Node closes what a worker has opened through node:fs, however it ends. There each takes the place of a descriptor of Node's.
 */
import { closeSync, openSync } from 'node:fs';
import { isErrnoName } from '../core/errno.ts';
import { IoError } from '../core/errors.ts';
import { nodeWorkers } from '../core/on-demand.ts';
import { loadLibc, O_CLOEXEC, systemError } from './libc.ts';

/**
 * What a new descriptor is to be used as from now on, and closed by {@link closeDescriptor}.
 *
 * @throws IoError when there is no place for it; it is closed then
 */
export function ofThisThread(fd: number): number {
  if (nodeWorkers().isMainThread) return fd;
  const libc = loadLibc();
  try {
    const place = openPlace();
    if (libc.dup3(fd, place, O_CLOEXEC) >= 0) return place;
    const error = systemError('dup3');
    closeSync(place);
    throw error;
  } finally {
    libc.close(fd);
  }
}

function openPlace(): number {
  try {
    return openSync('/dev/null', 'r');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new IoError(isErrnoName(code) ? code : 'EIO', '/dev/null', { cause });
  }
}

export function closeDescriptor(fd: number): void {
  if (nodeWorkers().isMainThread) loadLibc().close(fd);
  else closeSync(fd);
}
