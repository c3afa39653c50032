/** Numbers as they are typed. */

/** A whole number, 0 or more; &h and 0x are hexadecimal. Undefined if it is none. */
export function wholeNumber(text: string): number | undefined {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const hex = /^(?:&[hH]|0[xX])([0-9A-Fa-f]{1,12})$/.exec(text);
  return hex === null ? undefined : Number.parseInt(hex[1] ?? '', 16);
}
