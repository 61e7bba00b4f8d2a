// In a copy of the checkout where nothing is installed: the command line installs what it needs, then everything else is added.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const copy = mkdtempSync(join(tmpdir(), "sft-bare-"));
const rootFiles = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
const neverCopied = new Set(["node_modules", "dist", "golden", "dictionary", ".turbo"]);

try {
  for (const file of rootFiles) cpSync(join(root, file), join(copy, file));
  for (const folder of ["packages", "apps", "examples", "tooling", "bench"])
    cpSync(join(root, folder), join(copy, folder), { recursive: true, filter: isNeeded });
  cpSync(join(root, "tooling/golden/package.json"), join(copy, "tooling/golden/package.json"));

  const { version } = JSON.parse(readFileSync(join(root, "apps/cli/package.json"), "utf8"));
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const said = run(process.execPath, ["tooling/scripts/run.mjs", "sft", "--version"]).trim();
  if (said !== version) throw new Error(`sft --version said ${JSON.stringify(said)}, expected ${version}`);
  // With threads: workers look for tsx from another folder than the process that starts them.
  const measured = ["bench", "gemm", "--m", "64", "--n", "64", "--k", "64", "--backend", "cpu", "--threads", "2", "--json"];
  const { adapter } = JSON.parse(run(process.execPath, ["tooling/scripts/run.mjs", "sft", ...measured]));
  if (!adapter.includes("2 threads")) throw new Error(`sft bench gemm ran on ${adapter}, expected 2 threads`);
  run("npx", ["--yes", packageManager, "install", "--frozen-lockfile", "--prefer-offline"]);
  console.log("bare checkout: the command line ran, then the rest was installed");
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** Manifests and source; of tooling only what is small. */
function isNeeded(path) {
  return (
    !relative(root, path)
      .split(sep)
      .some((part) => neverCopied.has(part)) || basename(path) === "package.json"
  );
}

/** Without a terminal and without CI, as under an editor or a container: nothing may wait for an answer. */
function run(command, args) {
  const { CI: _, ...env } = process.env;
  const result = spawnSync(command, args, {
    cwd: copy,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...env, NODE_OPTIONS: "" },
  });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${result.stdout}${result.stderr}${result.error ?? ""}`);
  return result.stdout;
}
