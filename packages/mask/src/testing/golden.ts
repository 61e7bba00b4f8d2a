import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Reads a gzipped JSON file of this package's golden folder. */
export function readGolden<T>(name: string): T {
  const path = new URL(`../../golden/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString("utf8")) as T;
}
