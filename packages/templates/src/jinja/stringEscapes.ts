const simple: Readonly<Record<string, string>> = { a: "\\x07", "0": "\\x00", "\n": "" };
/** Escapes that the parser's lexer reads as Python does. */
const understood: ReadonlySet<string> = new Set(["n", "t", "r", "b", "f", "v", "'", '"', "\\", "x", "u"]);

/**
 * Rewrites the escapes of string literals that Python knows and the parser refuses: a backslash at the end of a line joins
 * it to the next, `\U0001f600` is a code point, and a backslash before any other letter stands for itself.
 * Text outside `{{ }}` and `{% %}` and comments stay as they are.
 */
export function withPlainEscapes(source: string): string {
  if (!source.includes("\\")) return source;
  let out = "";
  let position = 0;
  for (;;) {
    const open = /\{[{%#]/g;
    open.lastIndex = position;
    const found = open.exec(source);
    if (!found) return out + source.slice(position);
    out += source.slice(position, found.index);
    const end = found[0] === "{#" ? endOfComment(source, found.index) : endOfBlock(source, found.index + 2);
    const block = source.slice(found.index, end);
    out += found[0] === "{#" ? block : block.replace(/'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/g, rewritten);
    position = end;
  }
}

function endOfComment(source: string, start: number): number {
  const end = source.indexOf("#}", start + 2);
  return end < 0 ? source.length : end + 2;
}

/** Past the block's closing mark, which does not count inside a string. */
function endOfBlock(source: string, start: number): number {
  let quote = "";
  for (let at = start; at < source.length; at++) {
    const unit = source[at]!;
    if (quote !== "") {
      if (unit === "\\") at++;
      else if (unit === quote) quote = "";
    } else if (unit === "'" || unit === '"') {
      quote = unit;
    } else if ((unit === "}" || unit === "%") && source[at + 1] === "}") {
      return at + 2;
    }
  }
  return source.length;
}

function rewritten(literal: string): string {
  return literal.replace(/\\U([0-9A-Fa-f]{8})|\\([\s\S])/g, (all, code: string | undefined, unit: string) => {
    if (code !== undefined)
      return Array.from(
        String.fromCodePoint(Number.parseInt(code, 16)).split(""),
        (half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, "0")}`,
      ).join("");
    return understood.has(unit) ? all : (simple[unit] ?? `\\\\${unit}`);
  });
}
