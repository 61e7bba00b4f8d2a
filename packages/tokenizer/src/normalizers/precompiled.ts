import { Rewrite, type AlignedText } from "../alignedText.ts";
import { TokenizerFormatError } from "../errors.ts";

/**
 * SentencePiece's compiled character map: a double-array trie over UTF-8 keys (Darts), then the replacements as
 * NUL-terminated UTF-8 strings. Layout: u32 little-endian size of the trie in bytes, trie units (u32), strings.
 */
export function precompiledNormalizer(charsmap: string, path: string): (piece: AlignedText) => AlignedText {
  const replacementOf = readCharsmap(charsmap, path);
  const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });
  const encoder = new TextEncoder();
  return (piece) => {
    const rewrite = new Rewrite(piece);
    let changed = false;
    const tryReplace = (part: string): boolean => {
      const replacement = replacementOf(encoder.encode(part));
      if (replacement === null) return false;
      changed = true;
      pushReplacement(rewrite, [...part].length, [...replacement]);
      return true;
    };
    for (const { segment } of graphemes.segment(piece.text)) {
      // Whole graphemes are looked up only below 6 UTF-8 bytes, as in the Rust library.
      if (encoder.encode(segment).length < 6 && tryReplace(segment)) continue;
      for (const codePoint of segment) if (!tryReplace(codePoint)) rewrite.push(codePoint, 0);
    }
    return changed ? rewrite.finish() : piece;
  };
}

/** New code points replace old ones one for one; surplus new ones are insertions, surplus old ones go with the last. */
function pushReplacement(rewrite: Rewrite, oldCount: number, replacement: readonly string[]): void {
  if (replacement.length === 0) {
    rewrite.skip(oldCount);
    return;
  }
  replacement.forEach((codePoint, index) => {
    const isLast = index === replacement.length - 1;
    rewrite.push(codePoint, index >= oldCount ? 1 : isLast ? replacement.length - oldCount : 0);
  });
}

function readCharsmap(charsmap: string, path: string): (key: Uint8Array) => string | null {
  const bytes = Uint8Array.from(atob(charsmap), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : -1;
  if (trieBytes < 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) {
    throw new TokenizerFormatError(`${path}.precompiled_charsmap`, "a trie of the size that its first 4 bytes give", bytes.length);
  }
  const unit = (index: number): number => (4 * index < trieBytes ? view.getUint32(4 + 4 * index, true) : 0);
  const strings = bytes.subarray(4 + trieBytes);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** The replacement of the shortest key that starts `key`, as the Rust library takes it; null if none does. */
  return (key) => {
    let node = offsetOf(unit(0));
    for (const byte of key) {
      if (byte === 0) return null;
      node ^= byte;
      const current = unit(node);
      if ((current & 0x800000ff) !== byte) return null;
      node ^= offsetOf(current);
      if (((current >>> 8) & 1) === 1) {
        const start = unit(node) & 0x7fffffff;
        const end = strings.indexOf(0, start);
        return decoder.decode(strings.subarray(start, end < 0 ? strings.length : end));
      }
    }
    return null;
  };
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}
