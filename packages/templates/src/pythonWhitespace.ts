/** The characters that Python's `str.strip()` removes; JavaScript's `trim` differs in U+001C to U+001F, U+0085 and U+FEFF. */
// oxlint-disable-next-line no-control-regex -- control characters are what is meant
const pythonSpace: RegExp = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Whether Python calls the UTF-16 unit white space. */
export const isPythonSpace = (unit: string): boolean => pythonSpace.test(unit);

/** The range that `str.strip()`, `lstrip()` or `rstrip()` keeps; `chars` is the set of characters to strip, white space if absent. */
export function strippedRange(text: string, sides: "both" | "left" | "right" = "both", chars?: string): { start: number; end: number } {
  const strips = chars === undefined ? isPythonSpace : (unit: string) => chars.includes(unit);
  let start = 0;
  let end = text.length;
  if (sides !== "right") while (start < end && strips(text[start]!)) start++;
  if (sides !== "left") while (end > start && strips(text[end - 1]!)) end--;
  return { start, end };
}
