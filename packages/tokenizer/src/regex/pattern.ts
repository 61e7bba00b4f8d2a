/** A regular expression as a tree, with JavaScript source ("v" syntax) at its leaves. */
export type Pattern =
  /** One code point. */
  | { readonly kind: "set"; readonly source: string }
  /** A condition that takes no text: an anchor or a lookaround. */
  | { readonly kind: "assertion"; readonly source: string }
  | { readonly kind: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly kind: "choice"; readonly branches: readonly Pattern[] }
  | { readonly kind: "repeat"; readonly body: Pattern; readonly min: number; readonly max: number; readonly mode: RepeatMode }
  /** Never gives back what it has matched. */
  | { readonly kind: "atomic"; readonly body: Pattern };

export type RepeatMode = "greedy" | "lazy" | "possessive";

/** The JavaScript source of a pattern, for the flag "v". */
export function patternSource(pattern: Pattern): string {
  let atomics = 0;
  // JavaScript has no atomic groups; a captured lookahead that is then matched by its name is one.
  const atomic = (body: string): string => {
    const name = `atomic${atomics++}`;
    return `(?:(?=(?<${name}>${body}))\\k<${name}>)`;
  };
  const source = (node: Pattern): string => {
    switch (node.kind) {
      case "set":
      case "assertion":
        return node.source;
      case "sequence":
        return node.parts.map((part) => (part.kind === "choice" ? `(?:${source(part)})` : source(part))).join("");
      case "choice":
        return node.branches.map(source).join("|");
      case "atomic":
        return atomic(source(node.body));
      case "repeat": {
        const body = node.body.kind === "set" ? node.body.source : `(?:${source(node.body)})`;
        const repeated = `${body}{${node.min},${node.max === Infinity ? "" : node.max}}`;
        if (node.mode === "possessive") return atomic(repeated);
        return `(?:${repeated}${node.mode === "lazy" ? "?" : ""})`;
      }
      default:
        return node satisfies never;
    }
  };
  return source(pattern);
}
