/**
 * The Rust tokenizers 0.23 split by Unicode 16; JavaScript engines follow whatever Unicode they were built with.
 * These code points (hexadecimal, ends inclusive) came with Unicode 17 and are unassigned to the Rust library:
 * found by asking both about every code point.
 */
const ADDED_IN_UNICODE_17 =
  "88f c5c cdc 1acf-1add 1ae0-1aeb 20c1 2b96 a7ce-a7cf a7d2 a7d4 a7f1 fbc3-fbd2 fd90-fd91 fdc8-fdce 10940-10959 10ec5-10ec7 " +
  "10ed0-10ed8 10efa-10efb 11b60-11b67 11db0-11ddb 11de0-11de9 16ea0-16eb8 16ebb-16ed3 16ff2-16ff6 187f8-187ff 18d09-18d1e " +
  "18d80-18df2 1ccfa-1ccfc 1ceba-1ced0 1cee0-1cef0 1e6c0-1e6de 1e6e0-1e6f5 1e6fe-1e6ff 1f6d8 1f777-1f77a 1f8d0-1f8d8 " +
  "1fa54-1fa57 1fa8a 1fa8e 1fac8 1facd 1faea 1faef 1fbfa 2b73a-2b73f 2cea2-2cead 323b0-33479";

const ADDED: string = ADDED_IN_UNICODE_17.split(" ")
  .map((range) =>
    range
      .split("-")
      .map((code) => `\\u{${code}}`)
      .join("-"),
  )
  .join("");

/** Source of a set, for use inside a class of a "v" expression: the Unicode property as of Unicode 16, or its complement. */
export function oldProperty(name: string, negated: boolean): string {
  if (["Any", "ASCII", "Assigned"].includes(name)) return `\\${negated ? "P" : "p"}{${name}}`;
  // Unassigned then; and U+0295 was a lower-case letter until Unicode 17 made it one without case.
  const set = ["C", "Cn", "Other", "Unassigned"].includes(name)
    ? `[\\p{${name}}${ADDED}]`
    : ["Ll", "Lowercase_Letter"].includes(name)
      ? `[[\\p{${name}}\\u0295]--[${ADDED}]]`
      : ["Lo", "Other_Letter"].includes(name)
        ? `[\\p{${name}}--[\\u0295${ADDED}]]`
        : `[\\p{${name}}--[${ADDED}]]`;
  return negated ? `[^${set}]` : set;
}

/** Source of a set: the word characters of Rust's regex crate, which is Unicode's own definition of them. */
export const RUST_WORD: string = ["Alphabetic", "M", "Nd", "Pc", "Join_Control"].map((name) => oldProperty(name, false)).join("");
