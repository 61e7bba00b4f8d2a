import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Reads a JSON file of this package's golden folder, gzipped or not. */
export function readGolden(name: string): unknown {
  const plain = new URL(`../../golden/${name}.json`, import.meta.url);
  if (existsSync(plain)) return JSON.parse(readFileSync(plain, "utf8"));
  return JSON.parse(gunzipSync(readFileSync(new URL(`${plain.href}.gz`))).toString("utf8"));
}
