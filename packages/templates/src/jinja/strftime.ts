const days: readonly string[] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months: readonly string[] = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const padded = (value: number, width = 2): string => String(value).padStart(width, "0");

/** Python's `strftime` in the C locale, in UTC so that one clock gives one text everywhere. Unknown codes stay as they are. */
export function strftime(date: Date, format: string): string {
  const hour = date.getUTCHours();
  const startOfYear = Date.UTC(date.getUTCFullYear(), 0, 1);
  const day = days[date.getUTCDay()]!;
  const month = months[date.getUTCMonth()]!;
  const codes: Readonly<Record<string, string>> = {
    Y: padded(date.getUTCFullYear(), 4),
    y: padded(date.getUTCFullYear() % 100),
    m: padded(date.getUTCMonth() + 1),
    d: padded(date.getUTCDate()),
    e: String(date.getUTCDate()).padStart(2, " "),
    H: padded(hour),
    I: padded(hour % 12 || 12),
    M: padded(date.getUTCMinutes()),
    S: padded(date.getUTCSeconds()),
    p: hour < 12 ? "AM" : "PM",
    j: padded(1 + Math.floor((date.getTime() - startOfYear) / 86_400_000), 3),
    A: day,
    a: day.slice(0, 3),
    B: month,
    b: month.slice(0, 3),
    w: String(date.getUTCDay()),
    F: date.toISOString().slice(0, 10),
    T: date.toISOString().slice(11, 19),
    Z: "UTC",
    z: "+0000",
    "%": "%",
  };
  return format.replace(/%(-?)([A-Za-z%])/g, (all, bare: string, code: string) => {
    const text = codes[code];
    return text === undefined ? all : bare ? text.replace(/^[0 ]+(?=.)/, "") : text;
  });
}
