import { Rewrite, type AlignedText } from "../alignedText.ts";
import { keepCodePoints, lowercase, mapCodePoints, WHITE_SPACE } from "./codePointRewrites.ts";
import { unicodeForm } from "./unicodeForm.ts";

export interface BertOptions {
  readonly cleanText: boolean;
  readonly spaceChinese: boolean;
  readonly lowercase: boolean;
  readonly stripAccents: boolean;
}

/** Control, format and private-use characters; unassigned ones stay, as in the Rust library. */
const CONTROL = /^[\0\ufffd]$|^(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]$/u;
const CHINESE =
  /^[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}]$/u;

/** BERT's clean-up, spaces around Chinese characters, accents off, lower case: in this order. */
export function bertNormalizer(options: BertOptions): (piece: AlignedText) => AlignedText {
  const decompose = unicodeForm("NFD");
  return (piece) => {
    let current = piece;
    if (options.cleanText) {
      current = keepCodePoints(current, (codePoint) => !CONTROL.test(codePoint));
      current = mapCodePoints(current, (codePoint) => (WHITE_SPACE.test(codePoint) ? " " : codePoint));
    }
    if (options.spaceChinese) current = spaceChinese(current);
    if (options.stripAccents) current = keepCodePoints(decompose(current), (codePoint) => !/^\p{Mn}$/u.test(codePoint));
    return options.lowercase ? lowercase(current) : current;
  };
}

function spaceChinese(piece: AlignedText): AlignedText {
  const rewrite = new Rewrite(piece);
  let changed = false;
  for (const codePoint of piece.text) {
    if (CHINESE.test(codePoint)) {
      changed = true;
      rewrite.push(" ", 0);
      rewrite.push(codePoint, 1);
      rewrite.push(" ", 1);
    } else {
      rewrite.push(codePoint, 0);
    }
  }
  return changed ? rewrite.finish() : piece;
}
