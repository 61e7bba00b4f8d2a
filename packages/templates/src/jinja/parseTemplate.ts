import type { Expression, FilterCall, Parameter, Statement } from "./nodes.ts";
import { parseExpression, parseFilter, parseOr, parsePrimary, parseTuple } from "./parseExpression.ts";
import { JinjaSyntaxError, tokenize } from "./tokens.ts";
import { TokenStream } from "./tokenStream.ts";

/**
 * Parses a chat template: Jinja's grammar with the loop controls and `{% generation %}` that transformers adds,
 * without what needs other files (include, import, extends, block).
 * @throws JinjaSyntaxError with the place of the fault
 */
export function parseTemplate(source: string): readonly Statement[] {
  const tokens = new TokenStream(tokenize(source));
  const body = parseStatements(tokens, []);
  return body;
}

/** Statements up to a tag named in `ends`, which is left as the current token; up to the template's end if there is none. */
function parseStatements(tokens: TokenStream, ends: readonly string[]): Statement[] {
  const opened = tokens.current.at;
  const body: Statement[] = [];
  for (;;) {
    const { type, value, at } = tokens.current;
    if (type === "eof") {
      if (ends.length === 0) return body;
      throw new JinjaSyntaxError(`{% ${ends.at(-1)} %} is missing`, opened);
    }
    tokens.next();
    if (type === "text") {
      body.push({ type: "Output", value: { type: "Constant", value }, at });
    } else if (type === "variable") {
      body.push({ type: "Output", value: parseTuple(tokens), at });
      tokens.expect("end");
    } else {
      if (!tokens.is("name")) throw tokens.unexpected("the name of a tag");
      if (ends.includes(tokens.current.value)) return body;
      if (/^(?:end|else|elif)/.test(tokens.current.value)) {
        const open = ends.length === 0 ? "nothing is open" : `expected {% ${ends.join(" %} or {% ")} %}`;
        throw new JinjaSyntaxError(`{% ${tokens.current.value} %} stands alone: ${open}`, at);
      }
      body.push(parseTag(tokens, at));
    }
  }
}

/** The body of a block tag and its closing tag. */
function parseBody(tokens: TokenStream, end: string): Statement[] {
  tokens.expect("end");
  const body = parseStatements(tokens, [end]);
  tokens.next();
  tokens.expect("end");
  return body;
}

function parseTag(tokens: TokenStream, at: number): Statement {
  const { value: tag } = tokens.next();
  switch (tag) {
    case "if":
      return parseIf(tokens, at);
    case "for":
      return parseFor(tokens, at);
    case "set":
      return parseSet(tokens, at);
    case "with":
      return parseWith(tokens, at);
    case "macro": {
      const { value: name } = tokens.expect("name");
      return { type: "Macro", name, parameters: parseParameters(tokens), body: parseBody(tokens, "endmacro"), at };
    }
    case "call": {
      const parameters = tokens.is("operator", "(") ? parseParameters(tokens) : [];
      const call = parseExpression(tokens);
      if (call.type !== "Call") throw new JinjaSyntaxError("{% call %} needs a call, such as f()", at);
      return { type: "CallBlock", call, parameters, body: parseBody(tokens, "endcall"), at };
    }
    case "filter":
      return { type: "FilterBlock", filters: [parseFilter(tokens), ...parseFilters(tokens)], body: parseBody(tokens, "endfilter"), at };
    case "generation":
      return { type: "Generation", body: parseBody(tokens, "endgeneration"), at };
    case "break":
    case "continue":
      tokens.expect("end");
      return { type: tag === "break" ? "Break" : "Continue", at };
    default:
      throw new JinjaSyntaxError(`{% ${tag} %} is no tag of a chat template`, at);
  }
}

function parseIf(tokens: TokenStream, at: number): Statement {
  const test = parseTuple(tokens);
  tokens.expect("end");
  const body = parseStatements(tokens, ["elif", "else", "endif"]);
  const { value: tag, at: next } = tokens.next();
  if (tag === "elif") return { type: "If", test, body, alternate: [parseIf(tokens, next)], at };
  if (tag === "else") return { type: "If", test, body, alternate: parseBody(tokens, "endif"), at };
  tokens.expect("end");
  return { type: "If", test, body, alternate: [], at };
}

function parseFor(tokens: TokenStream, at: number): Statement {
  const target = parseTarget(tokens);
  tokens.expect("name", "in");
  const iterable = parseTuple(tokens, parseOr);
  const test = tokens.skip("name", "if") ? parseExpression(tokens) : null;
  const recursive = tokens.skip("name", "recursive");
  tokens.expect("end");
  const body = parseStatements(tokens, ["else", "endfor"]);
  const { value: tag } = tokens.next();
  if (tag === "else") return { type: "For", target, iterable, test, recursive, body, otherwise: parseBody(tokens, "endfor"), at };
  tokens.expect("end");
  return { type: "For", target, iterable, test, recursive, body, otherwise: [], at };
}

function parseSet(tokens: TokenStream, at: number): Statement {
  const target = parseTarget(tokens);
  if (!tokens.skip("operator", "=")) {
    const filters = parseFilters(tokens);
    return { type: "SetBlock", target, filters, body: parseBody(tokens, "endset"), at };
  }
  const value = parseTuple(tokens);
  tokens.expect("end");
  return { type: "Set", target, value, at };
}

function parseWith(tokens: TokenStream, at: number): Statement {
  const pairs: [Expression, Expression][] = [];
  while (!tokens.is("end")) {
    if (pairs.length > 0) tokens.expect("operator", ",");
    const target = parseTarget(tokens, false);
    tokens.expect("operator", "=");
    pairs.push([target, parseExpression(tokens)]);
  }
  return { type: "With", pairs, body: parseBody(tokens, "endwith"), at };
}

function parseFilters(tokens: TokenStream): FilterCall[] {
  const filters: FilterCall[] = [];
  while (tokens.skip("operator", "|")) filters.push(parseFilter(tokens));
  return filters;
}

/** What a value is assigned to: a name, an attribute of a namespace, or a tuple of these. */
function parseTarget(tokens: TokenStream, tuple = true): Expression {
  const { at } = tokens.current;
  const one = (): Expression => {
    const target = parsePrimary(tokens);
    if (target.type !== "Name" || !tokens.skip("operator", ".")) return target;
    return { type: "Attribute", object: target, name: tokens.expect("name").value };
  };
  const target = tuple ? parseTuple(tokens, one) : one();
  if (!canAssign(target)) throw new JinjaSyntaxError(`cannot assign to a ${target.type.toLowerCase()}`, at);
  return target;
}

const canAssign = (target: Expression): boolean =>
  target.type === "Name" || target.type === "Attribute" || (target.type === "Tuple" && target.items.every(canAssign));

function parseParameters(tokens: TokenStream): Parameter[] {
  tokens.expect("operator", "(");
  const parameters: Parameter[] = [];
  while (!tokens.is("operator", ")")) {
    if (parameters.length > 0) tokens.expect("operator", ",");
    const { value: name, at } = tokens.expect("name");
    const byDefault = tokens.skip("operator", "=") ? parseExpression(tokens) : null;
    if (byDefault === null && parameters.at(-1)?.byDefault)
      throw new JinjaSyntaxError(`"${name}" has no default, but the parameter before it has one`, at);
    parameters.push({ name, byDefault });
  }
  tokens.expect("operator", ")");
  return parameters;
}
