// Runs a root command in a checkout where nothing is installed yet: installs what the command needs, then runs it.
// Only Node and npm have to be there. Installation speaks on standard error, so that a command's output stays its own.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const pnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager;

const npx = process.platform === "win32" ? "npx.cmd" : "npx";

/** The command line, the examples, tsx and what they need to run: no build tools and no test data. */
const runtimeOfCli = ["--prod", "--filter-prod=@sft/cli...", "--filter-prod=./examples/*", "--filter-prod=@sft/scripts"];

const [command, ...rest] = process.argv.slice(2);
const commands = { start, sft, test };
if (!Object.hasOwn(commands, command)) throw new Error(`run.mjs knows ${Object.keys(commands).join(", ")}, not ${command}`);
process.exitCode = commands[command](rest);

/** The main job: fine-tunes the dictionary model, in place of an earlier run of the same job. */
function start(args) {
  install("cli", runtimeOfCli);
  return runCli(["train", "apps/cli/recipes/dictionary.yaml", "--overwrite", ...args], root);
}

/** The command line, from its source, as if it ran in the folder that npm was called from. */
function sft(args) {
  install("cli", runtimeOfCli);
  return runCli(args, process.env.INIT_CWD ?? process.cwd());
}

/** Everything that must hold before a change is merged. Through pnpm, since the package checks call it. */
function test() {
  install("all", []);
  const tasks = ["lint", "format:check", "arrows", "unused", "versions", "typecheck", "test", "check", "smoke"];
  return run(npx, ["--yes", pnpm, "exec", "turbo", "run", ...tasks, "--continue=dependencies-successful"], {
    cwd: root,
    shell: process.platform === "win32",
  });
}

/** Installs what a filter selects, unless that, or everything, was installed from this very lockfile. */
function install(scope, filter) {
  const lockfile = readFileSync(join(root, "pnpm-lock.yaml"), "utf8");
  const stamp = join(root, "node_modules/.cache/sft", `${scope}.lock.yaml`);
  // pnpm keeps a copy of the lockfile that it installed from: the whole of it after a whole installation.
  const installed = [stamp, join(root, "node_modules/.pnpm/lock.yaml")];
  if (installed.some((path) => existsSync(path) && readFileSync(path, "utf8") === lockfile)) return;
  const args = ["--yes", pnpm, "install", "--frozen-lockfile", "--prefer-offline", "--reporter=append-only", ...filter];
  const status = run(npx, args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (status !== 0) process.exit(status);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lockfile);
}

function runCli(args, cwd) {
  // tsx is looked for from this file: the current folder may be anywhere.
  return run(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), "--conditions", "@sft/source", join(root, "apps/cli/src/main.ts"), ...args],
    { cwd },
  );
}

/** Runs a command on this one's terminal. @returns its exit code; 130, as for Ctrl-C, when a signal ended it */
function run(file, args, options) {
  // The child hears Ctrl-C from the terminal itself and ends in order; this process must live to report how.
  process.on("SIGINT", () => {});
  const { status, error } = spawnSync(file, args, { stdio: "inherit", ...options });
  if (error) throw error;
  return status ?? 130;
}
