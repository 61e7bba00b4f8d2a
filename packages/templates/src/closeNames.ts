/** The names closest to `wanted` by edit distance (at most a third of its length, and at least two), best first. */
export function closeNames(wanted: string, names: readonly string[], count = 3): string[] {
  const plain = wanted.toLowerCase();
  const limit = Math.max(2, Math.floor(plain.length / 3));
  return names
    .map((name) => ({ name, distance: name.includes(plain) || plain.includes(name) ? 1 : editDistance(plain, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Levenshtein distance in UTF-16 units. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
