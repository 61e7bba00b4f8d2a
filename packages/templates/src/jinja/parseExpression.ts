import type { Argument, Expression, FilterCall } from "./nodes.ts";
import { JinjaSyntaxError } from "./tokens.ts";
import type { TokenStream } from "./tokenStream.ts";

const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">="]);
/** From the loosest to the tightest. */
const arithmetic: readonly ReadonlySet<string>[] = [new Set(["+", "-"]), new Set(["~"]), new Set(["*", "/", "//", "%"]), new Set(["**"])];

/** An expression as Jinja's grammar has it: `a if b else c`, or, and, not, comparison, + -, ~, * / // %, **, unary. */
export function parseExpression(tokens: TokenStream): Expression {
  let value = parseOr(tokens);
  while (tokens.skip("name", "if")) {
    const test = parseOr(tokens);
    const otherwise = tokens.skip("name", "else") ? parseExpression(tokens) : null;
    value = { type: "Conditional", test, whenTrue: value, otherwise };
  }
  return value;
}

/** An expression, or a tuple without parentheses. */
export function parseTuple(tokens: TokenStream, parse: (tokens: TokenStream) => Expression = parseExpression): Expression {
  const first = parse(tokens);
  if (!tokens.is("operator", ",")) return first;
  const items = [first];
  while (tokens.skip("operator", ",")) {
    if (tokens.is("end") || tokens.is("operator", ")") || tokens.is("operator", "=") || tokens.is("name", "in")) break;
    items.push(parse(tokens));
  }
  return { type: "Tuple", items };
}

export function parseOr(tokens: TokenStream): Expression {
  let left = parseAnd(tokens);
  while (tokens.skip("name", "or")) left = { type: "Or", left, right: parseAnd(tokens) };
  return left;
}

function parseAnd(tokens: TokenStream): Expression {
  let left = parseNot(tokens);
  while (tokens.skip("name", "and")) left = { type: "And", left, right: parseNot(tokens) };
  return left;
}

function parseNot(tokens: TokenStream): Expression {
  return tokens.skip("name", "not") ? { type: "Unary", operator: "not", operand: parseNot(tokens) } : parseComparison(tokens);
}

function parseComparison(tokens: TokenStream): Expression {
  const first = parseArithmetic(tokens, 0);
  const rest: [string, Expression][] = [];
  for (;;) {
    const { type, value } = tokens.current;
    if (type === "operator" && comparisons.has(value)) {
      tokens.next();
      rest.push([value, parseArithmetic(tokens, 0)]);
    } else if (tokens.skip("name", "in")) {
      rest.push(["in", parseArithmetic(tokens, 0)]);
    } else if (tokens.is("name", "not") && tokens.following.value === "in") {
      tokens.next();
      tokens.next();
      rest.push(["not in", parseArithmetic(tokens, 0)]);
    } else {
      break;
    }
  }
  return rest.length === 0 ? first : { type: "Comparison", first, rest };
}

function parseArithmetic(tokens: TokenStream, level: number): Expression {
  if (level === arithmetic.length) return parseUnary(tokens);
  let left = parseArithmetic(tokens, level + 1);
  while (tokens.is("operator") && arithmetic[level]!.has(tokens.current.value)) {
    const operator = tokens.next().value;
    left = { type: "Binary", operator, left, right: parseArithmetic(tokens, level + 1) };
  }
  return left;
}

/** Filters and tests bind looser than a sign: `-n | abs` is the absolute of -n. */
function parseUnary(tokens: TokenStream, withFilter = true): Expression {
  let value: Expression;
  if (tokens.is("operator", "-") || tokens.is("operator", "+")) {
    const operator = tokens.next().value as "-" | "+";
    value = { type: "Unary", operator, operand: parseUnary(tokens, false) };
  } else {
    value = parsePrimary(tokens);
  }
  value = parsePostfix(tokens, value);
  return withFilter ? parseFiltersAndTests(tokens, value) : value;
}

export function parsePrimary(tokens: TokenStream): Expression {
  const { type, value, at } = tokens.current;
  switch (type) {
    case "name":
      tokens.next();
      return constants.get(value) ?? { type: "Name", name: value };
    case "string": {
      let text = "";
      while (tokens.is("string")) text += tokens.next().value;
      return { type: "Constant", value: text };
    }
    case "integer":
      tokens.next();
      return { type: "Constant", value: Number(value.replaceAll("_", "")) };
    case "float":
      tokens.next();
      return { type: "Float", value: Number(value.replaceAll("_", "")) };
    case "operator":
      if (value === "(") return parseParentheses(tokens);
      if (value === "[") return { type: "List", items: parseItems(tokens, "[", "]", parseExpression) };
      if (value === "{") return { type: "Dict", pairs: parseItems(tokens, "{", "}", parsePair) };
      throw new JinjaSyntaxError(`expected an expression, but found "${value}"`, at);
    default:
      throw tokens.unexpected("an expression");
  }
}

const constants: ReadonlyMap<string, Expression> = new Map(
  ([true, false, null] as const).flatMap((value) => {
    const name = value === null ? "none" : String(value);
    return [name, name[0]!.toUpperCase() + name.slice(1)].map((word): [string, Expression] => [word, { type: "Constant", value }]);
  }),
);

function parseParentheses(tokens: TokenStream): Expression {
  tokens.expect("operator", "(");
  if (tokens.skip("operator", ")")) return { type: "Tuple", items: [] };
  const value = parseTuple(tokens);
  tokens.expect("operator", ")");
  return value;
}

/** Items between brackets, with a comma allowed behind the last. */
function parseItems<T>(tokens: TokenStream, open: string, close: string, parse: (tokens: TokenStream) => T): T[] {
  tokens.expect("operator", open);
  const items: T[] = [];
  while (!tokens.is("operator", close)) {
    if (items.length > 0) tokens.expect("operator", ",");
    if (tokens.is("operator", close)) break;
    items.push(parse(tokens));
  }
  tokens.expect("operator", close);
  return items;
}

function parsePair(tokens: TokenStream): [Expression, Expression] {
  const key = parseExpression(tokens);
  tokens.expect("operator", ":");
  return [key, parseExpression(tokens)];
}

function parsePostfix(tokens: TokenStream, operand: Expression): Expression {
  let value = operand;
  for (;;) {
    if (tokens.skip("operator", ".")) {
      if (tokens.is("integer")) value = { type: "Item", object: value, key: parsePrimary(tokens) };
      else value = { type: "Attribute", object: value, name: tokens.expect("name").value };
    } else if (tokens.skip("operator", "[")) {
      value = parseSubscript(tokens, value);
    } else if (tokens.is("operator", "(")) {
      value = { type: "Call", callee: value, args: parseArguments(tokens) };
    } else {
      return value;
    }
  }
}

function parseSubscript(tokens: TokenStream, object: Expression): Expression {
  const bound = (): Expression | null => (tokens.is("operator", ":") || tokens.is("operator", "]") ? null : parseExpression(tokens));
  const start = bound();
  if (!tokens.skip("operator", ":")) {
    if (start === null) throw tokens.unexpected("an index");
    tokens.expect("operator", "]");
    return { type: "Item", object, key: start };
  }
  const stop = bound();
  const step = tokens.skip("operator", ":") ? bound() : null;
  tokens.expect("operator", "]");
  return { type: "Slice", object, start, stop, step };
}

export function parseArguments(tokens: TokenStream): Argument[] {
  return parseItems(tokens, "(", ")", (): Argument => {
    if (tokens.skip("operator", "**")) return { kind: "dict", name: "", value: parseExpression(tokens) };
    if (tokens.skip("operator", "*")) return { kind: "list", name: "", value: parseExpression(tokens) };
    if (tokens.is("name") && tokens.following.type === "operator" && tokens.following.value === "=") {
      const name = tokens.next().value;
      tokens.next();
      return { kind: "keyword", name, value: parseExpression(tokens) };
    }
    return { kind: "positional", name: "", value: parseExpression(tokens) };
  });
}

function parseFiltersAndTests(tokens: TokenStream, operand: Expression): Expression {
  let value = operand;
  for (;;) {
    if (tokens.skip("operator", "|")) value = { type: "Filter", operand: value, filter: parseFilter(tokens) };
    else if (tokens.skip("name", "is")) value = parseTest(tokens, value);
    else if (tokens.is("operator", "(")) value = { type: "Call", callee: value, args: parseArguments(tokens) };
    else return value;
  }
}

/** A filter's name and arguments, behind its "|". */
export function parseFilter(tokens: TokenStream): FilterCall {
  const { value: name } = tokens.expect("name");
  return { name, args: tokens.is("operator", "(") ? parseArguments(tokens) : [] };
}

/** A test behind "is"; its one argument needs no parentheses: `n is divisibleby 3`. */
function parseTest(tokens: TokenStream, operand: Expression): Expression {
  const negate = tokens.skip("name", "not");
  const { value: name } = tokens.expect("name");
  if (tokens.is("operator", "(")) return { type: "Test", operand, name, args: parseArguments(tokens), negate };
  const { type, value } = tokens.current;
  const hasArgument =
    type === "string" ||
    type === "integer" ||
    type === "float" ||
    (type === "operator" && (value === "[" || value === "{")) ||
    (type === "name" && !["else", "or", "and", "if", "is", "not", "in", "recursive"].includes(value));
  const args: Argument[] = hasArgument ? [{ kind: "positional", name: "", value: parsePostfix(tokens, parsePrimary(tokens)) }] : [];
  return { type: "Test", operand, name, args, negate };
}
