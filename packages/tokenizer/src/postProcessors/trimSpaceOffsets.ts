import { BYTE_TO_CHAR } from "../byteAlphabet.ts";
import type { TokenRun } from "./createPostProcessor.ts";

const SPACE_BYTE = BYTE_TO_CHAR[0x20];
const isSpace = (character: string): boolean => character === SPACE_BYTE || /^\p{White_Space}$/u.test(character);

/**
 * Takes the white space at a token's edges out of its range, as the Rust library's `trim_offsets` does: it counts the
 * spaces of the token, and moves the range by as many code points of the text.
 * `keepFirst`: a token at the start keeps a single leading space, because a prefix space may have been put there.
 */
export function trimSpaceOffsets(run: TokenRun, text: string, keepFirst: boolean, tokenOf: (id: number) => string | null): void {
  const { ids, offsets, sourceTexts } = run;
  for (let index = 0; index < ids.length; index++) {
    const token = sourceTexts.get(index) ?? tokenOf(ids[index]) ?? "";
    const start = offsets[2 * index];
    const end = offsets[2 * index + 1];
    const spaces = leadingSpaces(token);
    const leading = spaces === 1 && keepFirst && (index === 0 || start === 0) ? 0 : spaces;
    const trailing = trailingSpaces(token);
    const trimmedStart = leading === 0 ? start : Math.min(stepForward(text, start, leading), end);
    offsets[2 * index] = trimmedStart;
    const trimmedEnd = stepBack(text, end, trailing);
    if (trimmedEnd !== null) offsets[2 * index + 1] = Math.max(trimmedEnd, trimmedStart);
  }
}

function leadingSpaces(token: string): number {
  let count = 0;
  while (count < token.length && isSpace(token[count])) count++;
  return count;
}

function trailingSpaces(token: string): number {
  let count = 0;
  while (count < token.length && isSpace(token[token.length - 1 - count])) count++;
  return count;
}

function stepForward(text: string, from: number, codePoints: number): number {
  let at = from;
  for (let n = 0; n < codePoints && at < text.length; n++) at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  return at;
}

/** Null if there are fewer code points before `from`. */
function stepBack(text: string, from: number, codePoints: number): number | null {
  let at = from;
  for (let n = 0; n < codePoints; n++) {
    if (at === 0) return null;
    at -= at > 1 && (text.codePointAt(at - 2) as number) > 0xffff ? 2 : 1;
  }
  return at;
}
