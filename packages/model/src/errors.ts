/** A model folder, config or adapter that cannot be used: the message says what was expected, what came and what to do. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  readonly code:
    | "unknown-family"
    | "bad-config"
    | "unsupported-config"
    | "missing-tensor"
    | "wrong-shape"
    | "unused-tensor"
    | "no-lora-target"
    | "bad-lora"
    | "adapter-mismatch"
    | "too-long"
    | "out-of-memory"
    | "token-out-of-range";
  readonly hint: string | undefined;
  constructor(code: ModelError["code"], message: string, hint?: string) {
    super(hint ? `${message}\n${hint}` : message);
    this.code = code;
    this.hint = hint;
  }
}

/** The candidates nearest to a word by edit distance, best first, at most `count`. */
export function closeNames(word: string, candidates: Iterable<string>, count = 3): string[] {
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
