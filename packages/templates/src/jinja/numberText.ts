import { strippedRange } from "../pythonWhitespace.ts";

/** What Python's `int(text, base)` reads; a text that is a float is cut, as Jinja does. */
export function integerIn(text: string, base: number): number | null {
  const { start, end } = strippedRange(text);
  const bare = text.slice(start, end).replaceAll(/(?<=[\da-zA-Z])_(?=[\da-zA-Z])/g, "");
  const prefix = ({ 2: "0[bB]", 8: "0[oO]", 16: "0[xX]" } as Record<number, string>)[base];
  const digits = new RegExp(`^[-+]?(?:${prefix ?? "0{0}"})?([0-9a-zA-Z]+)$`).exec(bare)?.[1];
  const letters = "0123456789abcdefghijklmnopqrstuvwxyz".slice(0, base);
  if (digits !== undefined && [...digits.toLowerCase()].every((digit) => letters.includes(digit)))
    return Number.parseInt(digits, base) * (bare.startsWith("-") ? -1 : 1);
  return floatIn(text);
}

/** What Python's `float(text)` reads. */
export function floatIn(text: string): number | null {
  const { start, end } = strippedRange(text);
  const bare = text.slice(start, end);
  const word = /^([-+]?)(?:(inf|infinity)|nan)$/i.exec(bare);
  if (word) return word[2] === undefined ? Number.NaN : word[1] === "-" ? -Infinity : Infinity;
  return /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+)?$/.test(bare) ? Number(bare.replaceAll("_", "")) : null;
}

/** To the nearest whole number, a tie to the even one. */
export function roundedHalfEven(number: number): number {
  const floor = Math.floor(number);
  return number - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(number);
}

/** Python's `round(number, digits)`, which rounds what the float really is (2.675 is a little less), and a tie to the even neighbour. */
export function rounded(number: number, digits: number): number {
  if (digits <= 0) return roundedHalfEven(number * 10 ** digits) * 10 ** -digits;
  const fixed = number.toFixed(Math.min(digits, 100));
  // `toFixed` takes the upper of two equally near; a tie ends in a 5 with nothing but zeros behind it.
  const exact = Math.abs(number).toFixed(Math.min(digits + 30, 100));
  const tail = exact.slice(exact.indexOf(".") + 1 + digits);
  if (!/^50*$/.test(tail)) return Number(fixed);
  const down = Number(exact.slice(0, exact.length - tail.length));
  const even = Number(exact.at(-tail.length - 1)) % 2 === 0;
  return Math.sign(number) * (even ? down : Math.abs(Number(fixed)) > down ? Math.abs(Number(fixed)) : down + 10 ** -digits);
}
