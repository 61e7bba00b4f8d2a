import { DataError } from "./dataError.ts";

/** How rows lie in a file. */
export type DataFormat = "json" | "jsonl" | "csv" | "tsv" | "parquet";

const byExtension: ReadonlyMap<string, DataFormat> = new Map([
  ["json", "json"],
  ["jsonl", "jsonl"],
  ["ndjson", "jsonl"],
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["parquet", "parquet"],
]);

/** The format that a file's name says, and whether it is gzipped: `rows.jsonl.gz`. Case does not matter. */
export function formatOf(path: string): { format: DataFormat; gzip: boolean } {
  const [, extension, gz] = /\.([^./\\]+?)(\.gz)?$/i.exec(path) ?? [];
  const format = byExtension.get(extension?.toLowerCase() ?? "");
  const gzip = gz !== undefined;
  if (format !== undefined && !(gzip && format === "parquet")) return { format, gzip };
  const known = [...byExtension.keys()].map((name) => `.${name}`).join(", ");
  const message = gzip && format === "parquet" ? "parquet is compressed inside; unpack the .gz first" : "the name does not say the format";
  throw new DataError("unknown-format", { path }, message, `Known: ${known}, and .gz after a text format; or give the format.`);
}
