/** Line and column, both from 1, of a UTF-16 offset. */
export function placeIn(source: string, at: number): { readonly line: number; readonly column: number } {
  const lines = source.slice(0, at).split("\n");
  return { line: lines.length, column: lines.at(-1)!.length + 1 };
}
