/** Every character that equals this one when case is ignored: s, S and the long s. */
export function caseForms(character: string): readonly string[] {
  const forms = new Set([character]);
  const single = (form: string): boolean => [...form].length === 1;
  for (const form of [character.toLowerCase(), character.toUpperCase()]) if (single(form)) forms.add(form);
  // The characters outside these pairs that fold to an ASCII or Latin letter.
  for (const other of ["\u017f", "\u212a", "\u212b", "\u1e9e"]) {
    if (new RegExp(`^${escapeLiteral(other)}$`, "iv").test(character)) forms.add(other);
  }
  return [...forms];
}

/** Source of one literal character, safe inside and outside a class of a "v" expression. */
export function escapeLiteral(character: string): string {
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}
