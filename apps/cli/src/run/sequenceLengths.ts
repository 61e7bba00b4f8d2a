/** Lengths are padded to a multiple of this where the model's positions allow it, so that few shapes are compiled. */
const preferredMultiple = 16;

/** The largest power of two, at most 16, that divides the model's positions: padding to it never passes them. */
export function lengthMultiple(modelPositions: number): number {
  let multiple = preferredMultiple;
  while (modelPositions % multiple !== 0) multiple /= 2;
  return multiple;
}

/** Positions that the longest of `lengths` needs once padded; at most the model's. */
export function positionsNeeded(lengths: Iterable<number>, modelPositions: number): number {
  const multiple = lengthMultiple(modelPositions);
  let longest = 1;
  for (const length of lengths) longest = Math.max(longest, length);
  return Math.min(modelPositions, Math.ceil(longest / multiple) * multiple);
}
