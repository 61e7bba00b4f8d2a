import { arrayField, asObject, booleanField, numberField, stringField, type JsonObject } from "./jsonFields.ts";
import { RUST_WORD } from "./regex/unicodeVersion.ts";

/** A token that is found in the text before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Left out when decoding with `skipSpecialTokens`. */
  readonly special: boolean;
  /** Matched in the normalised text instead of the raw one. */
  readonly normalized: boolean;
  /** Takes the white space before it. */
  readonly lstrip: boolean;
  /** Takes the white space after it. */
  readonly rstrip: boolean;
  /** Matches only where no word character touches it. */
  readonly singleWord: boolean;
}

export interface AddedTokenMatch {
  readonly token: AddedToken;
  readonly start: number;
  readonly end: number;
}

/** Reads `added_tokens` of tokenizer.json, and of tokenizer_config.json what the former lacks. The model's own id of a content wins. */
export function readAddedTokens(tokenizerJson: JsonObject, config: JsonObject, vocabulary: ReadonlyMap<string, number>): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  const add = (value: unknown, path: string, idText: string | null): void => {
    const json = asObject(value, path);
    const content = stringField(json, "content", path);
    if (content === "" || tokens.has(content)) return;
    const id = vocabulary.get(content) ?? (idText === null ? numberField(json, "id", path) : Number(idText));
    const special = booleanField(json, "special", path, false);
    tokens.set(content, {
      id,
      content,
      special,
      normalized: booleanField(json, "normalized", path, !special),
      lstrip: booleanField(json, "lstrip", path, false),
      rstrip: booleanField(json, "rstrip", path, false),
      singleWord: booleanField(json, "single_word", path, false),
    });
  };
  if (tokenizerJson["added_tokens"] !== undefined && tokenizerJson["added_tokens"] !== null) {
    arrayField(tokenizerJson, "added_tokens", "tokenizer.json").forEach((value, index) =>
      add(value, `tokenizer.json: added_tokens.${index}`, null),
    );
  }
  const decoder = config["added_tokens_decoder"];
  if (decoder !== undefined && decoder !== null) {
    for (const [id, value] of Object.entries(asObject(decoder, "tokenizer_config.json: added_tokens_decoder"))) {
      add(value, `tokenizer_config.json: added_tokens_decoder.${id}`, id);
    }
  }
  return [...tokens.values()];
}

interface TrieNode {
  token: AddedToken | null;
  readonly children: Map<number, TrieNode>;
}

const WORD_AT_START = new RegExp(`^[${RUST_WORD}]`, "v");
const WORD_AT_END = new RegExp(`[${RUST_WORD}]$`, "v");

/**
 * Builds the search for added tokens: at each place the longest, from left to right.
 * `spell` gives the text that a token is looked for as (its content, normalised for normalised ones).
 */
export function createAddedTokenSearch(
  tokens: readonly AddedToken[],
  spell: (token: AddedToken) => string,
): (text: string) => AddedTokenMatch[] {
  const root: TrieNode = { token: null, children: new Map() };
  const startsToken = new Uint8Array(0x10000);
  for (const token of tokens) insert(root, startsToken, token, spell(token));
  if (root.children.size === 0) return () => [];

  return (text) => {
    const matches: AddedTokenMatch[] = [];
    let taken = 0;
    for (let at = 0; at < text.length;) {
      if (startsToken[text.charCodeAt(at)] === 0) {
        at++;
        continue;
      }
      const found = longestAt(root, text, at);
      if (found === null) {
        at++;
        continue;
      }
      const { token, end: stop } = found;
      if (!token.singleWord || standsAlone(text, at, stop)) {
        // White space that the token before has already taken stays with it.
        const start = token.lstrip ? Math.max(spaceBefore(text, at), taken) : at;
        const end = token.rstrip ? spaceAfter(text, stop) : stop;
        matches.push({ token, start, end });
        taken = end;
      }
      at = stop;
    }
    return matches;
  };
}

function insert(root: TrieNode, startsToken: Uint8Array, token: AddedToken, text: string): void {
  if (text === "") return;
  startsToken[text.charCodeAt(0)] = 1;
  let node = root;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    let child = node.children.get(unit);
    if (child === undefined) node.children.set(unit, (child = { token: null, children: new Map() }));
    node = child;
  }
  node.token ??= token;
}

function longestAt(root: TrieNode, text: string, start: number): { token: AddedToken; end: number } | null {
  let best: { token: AddedToken; end: number } | null = null;
  let node: TrieNode | undefined = root;
  for (let end = start; end < text.length;) {
    node = node.children.get(text.charCodeAt(end++));
    if (node === undefined) break;
    if (node.token !== null) best = { token: node.token, end };
  }
  return best;
}

function standsAlone(text: string, start: number, end: number): boolean {
  // Two units hold the one code point that matters on either side.
  return !WORD_AT_END.test(text.slice(Math.max(0, start - 2), start)) && !WORD_AT_START.test(text.slice(end, end + 2));
}

function spaceBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && /^\p{White_Space}$/u.test(text[start - 1])) start--;
  return start;
}

function spaceAfter(text: string, start: number): number {
  let end = start;
  while (end < text.length && /^\p{White_Space}$/u.test(text[end])) end++;
  return end;
}
