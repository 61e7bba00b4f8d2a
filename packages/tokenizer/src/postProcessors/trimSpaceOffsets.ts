import { BYTE_TO_CHAR } from "../byteAlphabet.ts";
import type { TokenRun } from "./createPostProcessor.ts";

const SPACE_BYTE = BYTE_TO_CHAR[0x20];
const isSpace = (character: string): boolean => character === SPACE_BYTE || /^\p{White_Space}$/u.test(character);

/**
 * Takes the white space at a token's edges out of its range, as the Rust library's `trim_offsets` does.
 * `keepFirst`: the first token keeps its leading space, because a prefix space may have been put there.
 */
export function trimSpaceOffsets(run: TokenRun, keepFirst: boolean, tokenOf: (id: number) => string | null): void {
  run.ids.forEach((id, index) => {
    const characters = [...(tokenOf(id) ?? "")];
    const leading = countWhile(characters, isSpace);
    const trailing = countWhile(characters.reverse(), isSpace);
    const start = run.offsets[2 * index];
    const end = run.offsets[2 * index + 1];
    const keeps = keepFirst && (index === 0 || start === 0);
    const trimmedStart = leading > 0 && !keeps ? Math.min(start + leading, end) : start;
    run.offsets[2 * index] = trimmedStart;
    if (trailing > 0 && end >= trailing) run.offsets[2 * index + 1] = Math.max(end - trailing, trimmedStart);
  });
}

function countWhile(characters: readonly string[], holds: (character: string) => boolean): number {
  let count = 0;
  while (count < characters.length && holds(characters[count])) count++;
  return count;
}
