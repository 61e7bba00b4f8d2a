/**
 * GPT-2's reversible byte alphabet: each byte is written as one visible character, so that a byte-level
 * vocabulary is made of ordinary strings. Bytes that print stand for themselves; the others are numbered from U+0100.
 */
export const BYTE_TO_CHAR: readonly string[] = buildAlphabet();

/** Byte of each alphabet character. */
export const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(BYTE_TO_CHAR.map((char, byte) => [char, byte]));

function buildAlphabet(): string[] {
  const prints = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
}

/** Calls `visit` with each UTF-8 byte of the code point. */
export function forEachUtf8Byte(codePoint: number, visit: (byte: number) => void): void {
  if (codePoint < 0x80) {
    visit(codePoint);
  } else if (codePoint < 0x800) {
    visit(0xc0 | (codePoint >> 6));
    visit(0x80 | (codePoint & 0x3f));
  } else if (codePoint < 0x10000) {
    visit(0xe0 | (codePoint >> 12));
    visit(0x80 | ((codePoint >> 6) & 0x3f));
    visit(0x80 | (codePoint & 0x3f));
  } else {
    visit(0xf0 | (codePoint >> 18));
    visit(0x80 | ((codePoint >> 12) & 0x3f));
    visit(0x80 | ((codePoint >> 6) & 0x3f));
    visit(0x80 | (codePoint & 0x3f));
  }
}

/** Name of the byte-fallback token of a byte: "<0x0A>". */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}
