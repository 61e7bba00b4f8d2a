import { codePointLength } from "../alignedText.ts";
import { patternSource, type Pattern } from "./pattern.ts";

/** The end of the match that starts at `at`, or -1. */
export type MatchAt = (text: string, at: number) => number;

/** Goes on after a part has matched up to `at`; the end of the whole match, or -1. */
type Continue = (at: number) => number;
type Step = (text: string, at: number, next: Continue) => number;

/**
 * Matches a pattern without a regular expression: slower, but a run of one set, however long, takes no stack.
 * It finds what the JavaScript expression finds, where that one gives up (V8 does after some millions of characters).
 */
export function createMatcher(pattern: Pattern): MatchAt {
  const step = compile(pattern);
  return (text, at) => step(text, at, (end) => end);
}

function compile(pattern: Pattern): Step {
  switch (pattern.kind) {
    case "set": {
      const holds = createSetTest(pattern.source);
      return (text, at, next) => (at < text.length && holds(text, at) ? next(at + codePointLength(text, at)) : -1);
    }
    case "assertion": {
      const holds = new RegExp(pattern.source, "vy");
      return (text, at, next) => {
        holds.lastIndex = at;
        return holds.test(text) ? next(at) : -1;
      };
    }
    case "sequence": {
      const steps = pattern.parts.map(compile);
      const run = (text: string, at: number, next: Continue, index: number): number =>
        index === steps.length ? next(at) : steps[index](text, at, (end) => run(text, end, next, index + 1));
      return (text, at, next) => run(text, at, next, 0);
    }
    case "choice": {
      const steps = pattern.branches.map(compile);
      return (text, at, next) => {
        for (const step of steps) {
          const end = step(text, at, next);
          if (end >= 0) return end;
        }
        return -1;
      };
    }
    case "atomic":
      return atomic(compile(pattern.body));
    case "repeat": {
      const step =
        pattern.body.kind === "set" && pattern.mode !== "lazy"
          ? repeatSet(pattern.body.source, pattern)
          : repeatStep(compile(pattern.body), pattern);
      return pattern.mode === "possessive" ? atomic(step) : step;
    }
    default:
      return pattern satisfies never;
  }
}

function atomic(step: Step): Step {
  return (text, at, next) => {
    const end = step(text, at, (reached) => reached);
    return end < 0 ? -1 : next(end);
  };
}

type Bounds = { readonly min: number; readonly max: number; readonly mode: string };

/** The run of a set: out as far as it goes, then back one code point at a time. */
function repeatSet(source: string, { min, max }: Bounds): Step {
  const holds = createSetTest(source);
  return (text, at, next) => {
    let end = at;
    let count = 0;
    while (count < max && end < text.length && holds(text, end)) {
      end += codePointLength(text, end);
      count++;
    }
    for (; count >= min; count--) {
      const whole = next(end);
      if (whole >= 0) return whole;
      end -= end - 1 > at && (text.charCodeAt(end - 1) & 0xfc00) === 0xdc00 ? 2 : 1;
    }
    return -1;
  };
}

function repeatStep(step: Step, { min, max, mode }: Bounds): Step {
  const run = (text: string, at: number, next: Continue, count: number): number => {
    const more = (): number =>
      count < max ? step(text, at, (end) => (end === at && count >= min ? -1 : run(text, end, next, count + 1))) : -1;
    if (count < min) return more();
    if (mode === "lazy") {
      const whole = next(at);
      return whole >= 0 ? whole : more();
    }
    const whole = more();
    return whole >= 0 ? whole : next(at);
  };
  return (text, at, next) => run(text, at, next, 0);
}

function createSetTest(source: string): (text: string, at: number) => boolean {
  const expression = new RegExp(`^${patternSource({ kind: "set", source })}$`, "v");
  const known = new Map<number, boolean>();
  return (text, at) => {
    const codePoint = text.codePointAt(at) as number;
    let holds = known.get(codePoint);
    if (holds === undefined) known.set(codePoint, (holds = expression.test(String.fromCodePoint(codePoint))));
    return holds;
  };
}
