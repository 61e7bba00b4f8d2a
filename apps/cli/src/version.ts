import { createRequire } from "node:module";

/** Version of this package, from its package.json, which lies one folder up both in the source and in the build. */
export const version: string = (createRequire(import.meta.url)("../package.json") as { version: string }).version;
