/**
 * The names and numbers that A-Shell programs get from `ashell.def`, as far as TCPX and EMAILX need them.
 *
 * A-Shell spells a name with an underscore or with an apostrophe (`EMF_NORMAL`, `EMF'NORMAL`); here it is the underscore,
 * and `resolveSymbol` (`src/basic/ashell-def.ts`) accepts both. A site that has the vendor's file can load it: its numbers win.
 * Sections named below are those of the TCPX and EMAILX references.
 */

// Opcodes of TCPX

/** Server: listens on a port and takes one client (tcpx §2). */
export const TCPOP_ACCEPT = 1;
/** Sends bytes (tcpx §2). */
export const TCPOP_WRITE = 2;
/** Receives bytes (tcpx §2). */
export const TCPOP_READ = 4;
/** Ends one or both directions; CLOSE is still needed (tcpx §2). */
export const TCPOP_SHUTDOWN = 5;
/** Closes the socket (tcpx §2). */
export const TCPOP_CLOSE = 6;
/** Asks whether the socket is ready (tcpx §2). */
export const TCPOP_CHECK = 7;
/** Asks how many bytes can be read at once (tcpx §2). */
export const TCPOP_CHKQTY = 8;
/** Client: connects to a server (tcpx §2). */
export const TCPOP_CONNECT = 9;
/** Client: connects and waits for the server's greeting; deprecated. The number is documented, the name is ours (tcpx §2). */
export const TCPOP_CONNECT_OLD = 10;
/** Explains a status as text (tcpx §2, §6.4). */
export const TCPOP_ERRMSG = 11;
/** Client: starts TLS on an open connection (tcpx §2, §8). */
export const TCPOP_STARTTLS = 12;

// Flags of TCPX

/** The connection blocks (tcpx §3.1). */
export const TCPXFLG_BLOCK = 0x1;
/** ACCEPT: opens the listening socket only (tcpx §3.1, §10). */
export const TCPXFLG_LISTEN = 0x4;
/** ACCEPT: the socket listens already; CONNECT: does not wait for completion (tcpx §3.1, §9, §10). */
export const TCPXFLG_ASYNC = 0x8;
/** ACCEPT: leaves the listening socket open (tcpx §3.1, §10). */
export const TCPXFLG_KEEPLISTEN = 0x10;
/** The connection uses TLS. ASSUMED: the use is documented, the number is not (tcpx §3.1). */
export const TCPXFLG_TLS = 0x00100000;
/** CONNECT: opens in clear, TCPOP_STARTTLS follows (tcpx §3.1, §8). */
export const TCPXFLG_STARTTLS = 0x00200000;

// Statuses of TCPX that programs compare with. A-Shell gives them no names, so `symbols` leaves them out.

/** Nothing could be transferred now, try again: the Linux number (tcpx §6.2). */
export const EWOULDBLOCK_STATUS = -11;
/** The peer reset the connection: the Linux number (tcpx §6.2). */
export const ECONNRESET_STATUS = -104;
/** CLOSE of a socket that is -1 already (tcpx §6.2). */
export const ALREADY_CLOSED_STATUS = -1;

// Flags of EMAILX

/** Opens, sends and closes (emailx §3). */
export const EMF_NORMAL = 0;
/** Leaves the session open at the end (emailx §3). */
export const EMF_LEAVEOPEN = 1;
/** Uses the session that is open already (emailx §3). */
export const EMF_ALREADYOPEN = 2;
/** Opens the session and does nothing else (emailx §3). */
export const EMF_OPENONLY = 4;
/** Closes the session and does nothing else (emailx §3). */
export const EMF_CLOSEONLY = 8;
/** Joins header and body without a line end in between (emailx §3). */
export const EMF_HDRCAT = 16;
/** The body is HTML (emailx §3). */
export const EMF_HTMLBODY = 32;
/** A second name of EMF_HTMLBODY (emailx §3, note on the body page). */
export const EMF_BODYHTML = EMF_HTMLBODY;
/** The body is a self-contained MIME part (emailx §3). */
export const EMF_MIMEBODY = 64;
/** TLS from the first byte (emailx §3). */
export const EMF_TLS = 1024;
/** Connects in clear and upgrades by the SMTP command (emailx §3). */
export const EMF_STARTTLS = 2048;

// Statuses of EMAILX

/** Done (emailx §5.2). */
export const EMS_OK = 0;
/** Too few parameters (emailx §5.2). */
export const EMS_TOOFEW = 71;
/** Timed out (emailx §5.2). */
export const EMS_TIMEOUT = 72;
/** No address to send to (emailx §5.2). */
export const EMS_NOTO = 73;
/** No body text (emailx §5.2). */
export const EMS_NOBODY = 74;
/** Bad SMTP response (emailx §5.2). */
export const EMS_BADRESP = 75;
/** No socket is open (emailx §5.2). */
export const EMS_NOSOCKET = 76;
/** The named configuration file does not exist (emailx §5.2). */
export const EMS_NOCFG = 77;
/** Syntax error in the configuration file (emailx §5.2). */
export const EMS_BADCFG = 78;
/** Bad signature file (emailx §5.2). */
export const EMS_BADSIG = 79;
/** An attachment is missing or empty (emailx §5.2). */
export const EMS_BADATT = 80;
/** Base64 encoding failed (emailx §5.2). */
export const EMS_B64ERR = 81;

// Transfer encodings of EMAILX's attachments

/** Base64, the default (emailx §11.3). */
export const CTE_BASE64 = 0;
/** Unencoded 7-bit text (emailx §11.3). */
export const CTE_7BIT = 1;
/** Unencoded 8-bit text (emailx §11.3). */
export const CTE_8BIT = 2;
/** Unencoded binary (emailx §11.3). */
export const CTE_BINARY = 3;
/** Quoted-printable. ASSUMED: a fifth encoding is documented, its name and number are not (emailx §11.3). */
export const CTE_QP = 4;

/** Every A-Shell symbol above by name: upper case, underscore spelling. */
export const symbols: ReadonlyMap<string, number> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ Object.entries({
    TCPOP_ACCEPT,
    TCPOP_WRITE,
    TCPOP_READ,
    TCPOP_SHUTDOWN,
    TCPOP_CLOSE,
    TCPOP_CHECK,
    TCPOP_CHKQTY,
    TCPOP_CONNECT,
    TCPOP_CONNECT_OLD,
    TCPOP_ERRMSG,
    TCPOP_STARTTLS,
    TCPXFLG_BLOCK,
    TCPXFLG_LISTEN,
    TCPXFLG_ASYNC,
    TCPXFLG_KEEPLISTEN,
    TCPXFLG_TLS,
    TCPXFLG_STARTTLS,
    EMF_NORMAL,
    EMF_LEAVEOPEN,
    EMF_ALREADYOPEN,
    EMF_OPENONLY,
    EMF_CLOSEONLY,
    EMF_HDRCAT,
    EMF_HTMLBODY,
    EMF_BODYHTML,
    EMF_MIMEBODY,
    EMF_TLS,
    EMF_STARTTLS,
    EMS_OK,
    EMS_TOOFEW,
    EMS_TIMEOUT,
    EMS_NOTO,
    EMS_NOBODY,
    EMS_BADRESP,
    EMS_NOSOCKET,
    EMS_NOCFG,
    EMS_BADCFG,
    EMS_BADSIG,
    EMS_BADATT,
    EMS_B64ERR,
    CTE_BASE64,
    CTE_7BIT,
    CTE_8BIT,
    CTE_BINARY,
    CTE_QP,
  }),
);
