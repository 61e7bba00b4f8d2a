import { Rewrite, sliceText, type AlignedText } from "../alignedText.ts";
import { BYTE_TO_CHAR, forEachUtf8Byte } from "../byteAlphabet.ts";

/** Unicode White_Space, which is not JavaScript's \s: U+0085 belongs to it and U+FEFF does not. */
export const WHITE_SPACE: RegExp = /^\p{White_Space}$/u;

/** Keeps the code points that `keep` accepts, each with its own place. */
export function keepCodePoints(piece: AlignedText, keep: (codePoint: string) => boolean): AlignedText {
  const rewrite = new Rewrite(piece);
  let changed = false;
  for (const codePoint of piece.text) {
    if (keep(codePoint)) {
      rewrite.push(codePoint, 0);
    } else {
      rewrite.skip(1);
      changed = true;
    }
  }
  return changed ? rewrite.finish() : piece;
}

/** Replaces each code point by another string, of which the first code point takes the place and the rest share it. */
export function mapCodePoints(piece: AlignedText, map: (codePoint: string) => string): AlignedText {
  const rewrite = new Rewrite(piece);
  let changed = false;
  for (const codePoint of piece.text) {
    const mapped = map(codePoint);
    if (mapped !== codePoint) changed = true;
    let change = 0;
    for (const part of mapped) {
      rewrite.push(part, change);
      change = 1;
    }
  }
  return changed ? rewrite.finish() : piece;
}

export function lowercase(piece: AlignedText): AlignedText {
  return mapCodePoints(piece, (codePoint) => codePoint.toLowerCase());
}

/** Spells the text in GPT-2's byte alphabet; all bytes of a code point share its place. */
export function spellInBytes(piece: AlignedText): AlignedText {
  return mapCodePoints(piece, (codePoint) => {
    let spelled = "";
    forEachUtf8Byte(codePoint.codePointAt(0) as number, (byte) => (spelled += BYTE_TO_CHAR[byte]));
    return spelled;
  });
}

export function stripSpace(left: boolean, right: boolean): (piece: AlignedText) => AlignedText {
  return (piece) => {
    const { text } = piece;
    let start = 0;
    let end = text.length;
    if (left) while (start < end && WHITE_SPACE.test(text[start])) start++;
    if (right) while (end > start && WHITE_SPACE.test(text[end - 1])) end--;
    return sliceText(piece, start, end);
  };
}
