/** Length in Unicode code points, as Python counts it. */
export function codePointLength(text: string): number {
  let pairs = 0;
  for (let i = 0; i + 1 < text.length; i++) if (text.codePointAt(i)! > 0xffff) pairs++;
  return text.length - pairs;
}
