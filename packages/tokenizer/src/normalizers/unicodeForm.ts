import { Rewrite, type AlignedText } from "../alignedText.ts";

type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

/**
 * Unicode normalisation that knows, for each code point of the result, how many of the source it replaces.
 *
 * The bookkeeping is that of the Rust crate behind the Rust tokenizers: a code point made by decomposition counts 0
 * if it is the first of its source and 1 otherwise; a composed one counts the sum of its parts less (parts - 1).
 */
export function unicodeForm(form: Form): (piece: AlignedText) => AlignedText {
  return (piece) => (piece.text.normalize(form) === piece.text ? piece : rewriteSegments(piece, form));
}

function rewriteSegments(piece: AlignedText, form: Form): AlignedText {
  const { text } = piece;
  const rewrite = new Rewrite(piece);
  for (let start = 0; start < text.length;) {
    // An ASCII character neither joins with what stands before it nor is reordered, so segments that start at one are independent.
    let end = start + 1;
    while (end < text.length && text.charCodeAt(end) > 0x7f) end++;
    const segment = text.slice(start, end);
    const normalized = segment.normalize(form);
    if (normalized === segment) for (const codePoint of segment) rewrite.push(codePoint, 0);
    else for (const [codePoint, change] of changesOf(segment, normalized, form)) rewrite.push(codePoint, change);
    start = end;
  }
  return rewrite.finish();
}

function changesOf(segment: string, normalized: string, form: Form): [string, number][] {
  const decomposition: Form = form === "NFC" || form === "NFD" ? "NFD" : "NFKD";
  // Counts of each decomposed code point in order; normalisation never swaps two equal ones.
  const counts = new Map<string, { values: number[]; used: number }>();
  for (const source of segment) {
    let count = 0;
    for (const part of source.normalize(decomposition)) {
      const entry = counts.get(part) ?? { values: [], used: 0 };
      entry.values.push(count);
      counts.set(part, entry);
      count = 1;
    }
  }
  return [...normalized].map((codePoint) => {
    const parts = form === "NFC" || form === "NFKC" ? [...codePoint.normalize("NFD")] : [codePoint];
    let change = 1 - parts.length;
    for (const part of parts) {
      const entry = counts.get(part);
      change += entry?.values[entry.used++] ?? 0;
    }
    return [codePoint, change];
  });
}
