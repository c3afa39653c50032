// Text of others where a terminal shows it.
import { describe, expect, it } from 'vitest';
import { escapeText } from '../../src/cli/buffer-text.ts';
import { harmless, harmlessJson } from '../../src/core/harmless.ts';

const NASTY = 'a\x1b[31m\r\n\t\0\x7f\x85\x9b\u00ad\u202e\u2066\u200b\u2028\ue000\u{e0041}\\"z';

describe('harmless text', () => {
  it('holds nothing that a terminal obeys, or that turns or hides text', () => {
    for (const text of [harmless(NASTY), escapeText(NASTY), harmlessJson({ [NASTY]: NASTY })]) {
      expect(text).toMatch(/^[ -~]*$/);
    }
  });

  it('is as it was where it is only letters', () => {
    expect(harmless('grüße, 日本 \u{1f600}')).toBe('grüße, 日本 \u{1f600}');
  });

  it('does not change what is escaped already', () => {
    expect(harmless(harmless(NASTY))).toBe(harmless(NASTY));
    expect(harmless('"say \\"hi\\" a\\\\b"')).toBe('"say \\"hi\\" a\\\\b"');
  });

  it('reads back from JSON as it was', () => {
    const value = { [NASTY]: [NASTY, 1, null], lone: '\ud800' };
    expect(JSON.parse(harmlessJson(value))).toEqual(value);
  });
});
