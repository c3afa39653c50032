/** The least that IPP (RFC 8010 §3) wants to hear of a server that is no printer: every operation is one it does not know. */

/** Version, operation and number of a request. */
export const IPP_REQUEST_HEAD = 8;

const SERVER_ERROR_OPERATION_NOT_SUPPORTED = 0x0501;
const OPERATION_ATTRIBUTES = 0x01;
const END_OF_ATTRIBUTES = 0x03;
const CHARSET = 0x47;
const NATURAL_LANGUAGE = 0x48;

/*
 * attribute = tag:1 length:2 name length:2 value
 */
function attribute(tag: number, name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([tag]), counted(name), counted(value)]);
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes]);
}

/*
 * answer = version:2 status:2 request-id:4 attributes
 */
export function ippAnswer(requestHead: Uint8Array): Buffer {
  return Buffer.concat([
    requestHead.subarray(0, 2),
    Buffer.from([SERVER_ERROR_OPERATION_NOT_SUPPORTED >>> 8, SERVER_ERROR_OPERATION_NOT_SUPPORTED & 0xff]),
    requestHead.subarray(4, IPP_REQUEST_HEAD),
    Buffer.from([OPERATION_ATTRIBUTES]),
    attribute(CHARSET, 'attributes-charset', 'utf-8'),
    attribute(NATURAL_LANGUAGE, 'attributes-natural-language', 'en'),
    Buffer.from([END_OF_ATTRIBUTES]),
  ]);
}
