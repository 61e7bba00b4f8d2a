import { strippedRange } from "../pythonWhitespace.ts";
import type { Budget } from "./budget.ts";
import { braceFormat } from "./braceFormat.ts";
import { elements } from "./elements.ts";
import { concat, joinMarked, mapCharacters, type MarkedText, remade, sliceMarked } from "./markedText.ts";
import { layouts } from "./stringLayout.ts";
import { searches, window } from "./stringSearch.ts";
import { splits } from "./stringSplit.ts";
import { List, numberIn, Text, type Value, wantText } from "./value.ts";

type Method = (self: MarkedText, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget) => Value;

const strip = (self: MarkedText, sides: "both" | "left" | "right", chars: Value): Value => {
  const { start, end } = strippedRange(self.text, sides, chars === undefined || chars === null ? undefined : wantText(chars).text);
  return new Text(sliceMarked(self, start, end));
};

/** Python's methods of `str` that chat templates call. */
export const stringMethods: Readonly<Record<string, Method>> = {
  upper: (self) => new Text(withCase(self, self.text.toUpperCase())),
  lower: (self) => new Text(withCase(self, self.text.toLowerCase())),
  title: (self) => new Text(titled(self)),
  capitalize: (self) => new Text(capitalized(self)),
  strip: (self, [chars]) => strip(self, "both", chars),
  lstrip: (self, [chars]) => strip(self, "left", chars),
  rstrip: (self, [chars]) => strip(self, "right", chars),
  startswith: (self, [prefix, ...range]) => oneOrMany(prefix, (text) => window(self.text, range).text.startsWith(text)),
  endswith: (self, [suffix, ...range]) => oneOrMany(suffix, (text) => window(self.text, range).text.endsWith(text)),
  removeprefix: (self, [prefix]) =>
    new Text(self.text.startsWith(wantText(prefix).text) ? sliceMarked(self, wantText(prefix).text.length) : self),
  removesuffix: (self, [suffix]) => {
    const { text } = wantText(suffix);
    return new Text(text !== "" && self.text.endsWith(text) ? sliceMarked(self, 0, self.text.length - text.length) : self);
  },
  replace: (self, args, keyword, budget) => {
    const count = numberIn(args[2] ?? keyword.get("count") ?? -1) ?? -1;
    return new Text(replaced(self, wantText(args[0] ?? keyword.get("old")).text, wantText(args[1] ?? keyword.get("new")), count, budget));
  },
  join: (self, [list], _keyword, budget) =>
    new Text(
      budget.made(
        joinMarked(
          elements(list).map((item) => wantText(item)),
          self,
        ),
      ),
    ),
  ...searches,
  ...splits,
  ...layouts,
  format: (self, args, keyword, budget) => braceFormat(self, args, keyword, budget),
  swapcase: (self) => new Text(mapCharacters(self, (one) => (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase()))),
  casefold: (self) => new Text(mapCharacters(self, (one) => (one === "ß" || one === "ẞ" ? "ss" : one.toLowerCase()))),
  isascii: (self) => /^[\0-\x7f]*$/.test(self.text),
  isdecimal: (self) => /^\p{Nd}+$/u.test(self.text),
  isnumeric: (self) => /^\p{N}+$/u.test(self.text),
  isidentifier: (self) => /^[\p{L}\p{Nl}_][\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}]*$/u.test(self.text),
  istitle: (self) => /\p{L}/u.test(self.text) && titled(self).text === self.text,
  islower: (self) => self.text === self.text.toLowerCase() && self.text !== self.text.toUpperCase(),
  isupper: (self) => self.text === self.text.toUpperCase() && self.text !== self.text.toLowerCase(),
  isalnum: (self) => /^[\p{L}\p{N}]+$/u.test(self.text),
  isdigit: (self) => /^[\p{Nd}²³¹⁰-⁹₀-₉①-⑨]+$/u.test(self.text),
  isalpha: (self) => /^\p{L}+$/u.test(self.text),
  isspace: (self) => self.text !== "" && strippedRange(self.text).start === self.text.length,
};

function oneOrMany(value: Value, holds: (text: string) => boolean): boolean {
  return value instanceof List ? value.items.some((item) => holds(wantText(item).text)) : holds(wantText(value).text);
}

/** Case mappings never shorten a text, so equal lengths mean that every character kept its place; else only the whole is accounted for. */
function withCase(self: MarkedText, changed: string): MarkedText {
  return changed.length === self.text.length ? { text: changed, runs: self.runs } : remade(changed, self);
}

function titled(self: MarkedText): MarkedText {
  let inWord = false;
  return mapCharacters(self, (character) => {
    const letter = /\p{L}/u.test(character);
    const changed = !letter ? character : inWord ? character.toLowerCase() : character.toUpperCase();
    inWord = letter;
    return changed;
  });
}

function capitalized(self: MarkedText): MarkedText {
  let first = true;
  return mapCharacters(self, (character) => {
    const changed = first ? character.toUpperCase() : character.toLowerCase();
    first = false;
    return changed;
  });
}

function replaced(self: MarkedText, old: string, by: MarkedText, count: number, budget: Budget): MarkedText {
  if (count === 0) return self;
  const pieces: MarkedText[] = [];
  let position = 0;
  let length = 0;
  const push = (piece: MarkedText): void => {
    length += piece.text.length;
    budget.step(4 + (self.runs.length >>> 4));
    if (length > budget.limits.characters) budget.characters(length);
    pieces.push(piece);
  };
  if (old === "") {
    let left = count < 0 ? Infinity : count;
    for (const character of self.text) {
      if (left-- > 0) push(by);
      push(sliceMarked(self, position, position + character.length));
      position += character.length;
    }
    if (left > 0) push(by);
    return concat(pieces);
  }
  let left = count < 0 ? Infinity : count;
  for (let at = self.text.indexOf(old); at >= 0 && left-- > 0; at = self.text.indexOf(old, position)) {
    push(sliceMarked(self, position, at));
    push(by);
    position = at + old.length;
  }
  push(sliceMarked(self, position));
  return concat(pieces);
}
