const simple: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/**
 * What a string literal, quotes and all, stands for in Python: a backslash at the end of a line joins it to the next,
 * `\101` is octal, `\x41`, `\u00e9` and `\U0001f600` are code points, and before any other letter it stands for itself.
 */
export function stringValue(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(/\\(?:x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|U([\dA-Fa-f]{8})|([0-7]{1,3})|([\s\S]))/g, (all, x, u, U, octal, unit: string) => {
      const hex = (x ?? u ?? U) as string | undefined;
      if (hex !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff));
      return octal === undefined ? (simple[unit] ?? all) : String.fromCharCode(Number.parseInt(octal as string, 8));
    });
}
