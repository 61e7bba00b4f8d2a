/**
 * A name that stands twice in an object's own text, of which `JSON.parse` forgets the first value. `text` is one object
 * that it accepts, `names` those of the object.
 */
export function repeatedName(text: string, names: readonly string[]): string | undefined {
  const suspects = names.filter((name) => {
    const quoted = JSON.stringify(name);
    return text.indexOf(quoted) !== text.lastIndexOf(quoted);
  });
  if (suspects.length === 0) return undefined;
  const own = ownNames(text);
  return suspects.find((name) => own.indexOf(name) !== own.lastIndexOf(name));
}

/** Names of the outermost object, in order. By hand: a regular expression runs out of stack at a string of many megabytes. */
function ownNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === '"') {
      const from = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
      const isName = depth === 1 && /[^ \t\r\n]/.exec(text.slice(at + 1, at + 100))?.[0] === ":";
      if (isName) names.push(JSON.parse(text.slice(from, at + 1)) as string);
    }
  }
  return names;
}
