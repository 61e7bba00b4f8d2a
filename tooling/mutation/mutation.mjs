// Mutates a package's sources and counts the mutants that its tests notice, in a copy of the workspace in the temporary folder:
//   npm run mutation -- mask ["src/doctor/**/*.ts"]
// One package takes about an hour on two cores. Properties run 100 cases each here: a slip that needs more is counted as missed.
// The last line is the score; the report stays in the copy.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const resolve = createRequire(import.meta.url).resolve;
const [name, ...patterns] = process.argv.slice(2);
if (!["mask", "templates"].includes(name)) {
  console.error("npm run mutation -- mask | templates [PATTERN ...]");
  process.exit(2);
}

const copy = mkdtempSync(join(tmpdir(), "sft-mutation-"));
// Links stay as they are, so that packages find each other in the copy and everything else where it is installed.
const keeps = (path) => !/\/(dist|\.turbo|\.cache|software-gpu)(\/|$)/.test(path.slice(root.length - 1));
for (const folder of ["packages", "tooling", "apps/cli/dictionary"]) {
  cpSync(join(root, folder), join(copy, folder), { recursive: true, verbatimSymlinks: true, filter: keeps });
}
cpSync(join(root, "package.json"), join(copy, "package.json"));
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));

const folder = join(copy, "packages", name);
const properties = join(folder, "src/properties.test.ts");
const fewer = readFileSync(properties, "utf8").replace(/numRuns: (?:process\.env\.CI \? )?[\d_]+(?: : [\d_]+)?/g, "numRuns: 100");
writeFileSync(properties, fewer);
// A template that never ends takes a second to be refused; a tenth of the steps shows the same.
const budget = join(folder, "src/jinja/budget.ts");
if (name === "templates") writeFileSync(budget, readFileSync(budget, "utf8").replace("steps: 5_000_000", "steps: 500_000"));
const settings = {
  testRunner: "vitest",
  plugins: [resolve("@stryker-mutator/vitest-runner")],
  mutate: [...(patterns.length > 0 ? patterns : ["src/**/*.ts"]), "!src/**/*.test.ts", "!src/testing/**"],
  coverageAnalysis: "perTest",
  concurrency: Number(process.env.MUTATION_WORKERS ?? 2),
  inPlace: true,
  ignoreStatic: true,
  checkers: [],
  timeoutMS: Number(process.env.MUTATION_TIMEOUT_MS ?? 3_000),
  reporters: ["progress-append-only", "clear-text", "json"],
};
writeFileSync(join(folder, "stryker.config.json"), JSON.stringify(settings));
const stryker = join(dirname(resolve("@stryker-mutator/core/package.json")), "bin/stryker.js");
const { status } = spawnSync(process.execPath, [stryker, "run"], { cwd: folder, stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

const report = JSON.parse(readFileSync(join(folder, "reports/mutation/mutation.json"), "utf8"));
const counts = {};
for (const { mutants } of Object.values(report.files))
  for (const mutant of mutants) counts[mutant.status] = (counts[mutant.status] ?? 0) + 1;
const { Killed = 0, Timeout = 0, Survived = 0, NoCoverage = 0 } = counts;
const all = Killed + Timeout + Survived + NoCoverage;
console.log(`${name}: ${Killed + Timeout} of ${all} mutants noticed, ${((100 * (Killed + Timeout)) / all).toFixed(1)} %`);
