import { CHAR_TO_BYTE } from "../byteAlphabet.ts";

/** Byte-level tokens to text; a token with a character outside the byte alphabet stands for its own UTF-8 bytes. */
export function decodeByteLevel(tokens: readonly string[]): readonly string[] {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (const token of tokens) {
    const spelled = Array.from(token, (character) => CHAR_TO_BYTE.get(character));
    for (const byte of spelled.includes(undefined) ? encoder.encode(token) : (spelled as number[])) bytes.push(byte);
  }
  return [new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes))];
}

/** Runs of "<0xNN>" tokens to text; a run that is not UTF-8 gives one U+FFFD a byte. */
export function decodeByteFallback(tokens: readonly string[]): readonly string[] {
  const decoded: string[] = [];
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let run: number[] = [];
  const flush = (): void => {
    if (run.length === 0) return;
    try {
      decoded.push(strict.decode(Uint8Array.from(run)));
    } catch {
      decoded.push("\ufffd".repeat(run.length));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte !== null) {
      run.push(Number.parseInt(byte[1], 16));
      continue;
    }
    flush();
    decoded.push(token);
  }
  flush();
  return decoded;
}
