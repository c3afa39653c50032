/** Bounds that both engines share. */

/** Most bytes decrypted or received ahead of a READ, per socket. A peer that sends more waits. */
export const READ_AHEAD_LIMIT = 1024 * 1024;

/** How long CLOSE waits for bytes that were accepted but not yet taken by the kernel, in ms. */
export const CLOSE_LINGER = 2_000;

/** How long CLOSE of the Node engine waits for bytes that were given up: Node passes on what the kernel takes a little later. */
export const DISCARD_LINGER = 50;

/** How long the Node engine goes on sending them afterwards, as the kernel does for a closed socket, in ms. A process waits. */
export const BACKGROUND_LINGER = 60_000;

/** Most bytes handed to Node beyond what the kernel has taken, per socket of the Node engine. */
export const WRITE_BEHIND_LIMIT = 64 * 1024;

/**
 * Most bytes of one WRITE that may not wait, handed to Node in one piece when nothing else is queued, so that it goes out
 * whole or not at all: as much as Linux lets a send buffer grow to by default.
 */
export const WRITE_WHOLE_LIMIT = 4 * 1024 * 1024;

/** Most connections that Node has accepted and the program has not, per listening socket of the Node engine. */
export const UNACCEPTED_LIMIT = 1024;
