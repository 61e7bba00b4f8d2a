// Packs every published package, installs the tarballs into empty projects as a user would, and runs them there; then a bare checkout.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkReadme } from "./readmes.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const work = mkdtempSync(join(tmpdir(), "sft-smoke-"));

try {
  const tarballs = packAll();
  // Alone: the packages that promise to be useful by themselves, each with nothing of ours but what it depends on.
  for (const name of ["templates", "mask", "kernels-cpu", "checkpoint", "data"]) {
    runProject(`only-${name}`, withDependencies(`@sft/${name}`, tarballs), tarballs, `smoke/${name}.mjs`);
  }
  // Together: the whole way of one record, and the CLI's binary.
  const all = runProject("all", [...tarballs.keys()], tarballs, "smoke/all.mjs");
  const help = run("npx", ["--no-install", "sft", "--help"], all);
  if (!help.includes("train")) throw new Error(`sft --help of the installed package does not list train:\n${help}`);
  const names = readdirSync(join(root, "packages"));
  for (const name of names) checkReadme(name, all);
  console.log(`smoke: ${tarballs.size} packed packages installed, imported and run, ${names.length} READMEs followed`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
await import("./bareCheckout.mjs");

/** @returns {Map<string, string>} package name -> tarball path */
function packAll() {
  const folders = [...readdirSync(join(root, "packages")).map((name) => join(root, "packages", name)), join(root, "apps/cli")];
  const destination = join(work, "tarballs");
  mkdirSync(destination);
  return new Map(
    folders.map((folder) => {
      const { name, version } = manifest(folder);
      run("pnpm", ["pack", "--pack-destination", destination], folder);
      return [name, join(destination, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)];
    }),
  );
}

/** A package's name and those of our packages that it needs, all the way down. */
function withDependencies(name, tarballs) {
  const found = new Set([name]);
  for (const current of found) {
    const folder = join(root, current === "@sft/cli" ? "apps/cli" : `packages/${current.slice("@sft/".length)}`);
    for (const dependency of Object.keys(manifest(folder).dependencies ?? {})) if (tarballs.has(dependency)) found.add(dependency);
  }
  return [...found];
}

function runProject(project, names, tarballs, script) {
  const folder = join(work, project);
  mkdirSync(folder);
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${tarballs.get(name)}`]));
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: project, version: "0.0.0", private: true, type: "module", dependencies, overrides: dependencies }),
  );
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], folder);
  cpSync(join(here, script), join(folder, "main.mjs"));
  process.stdout.write(run(process.execPath, ["main.mjs"], folder, { SFT_REPOSITORY: root }));
  return folder;
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function run(command, args, cwd, env = {}) {
  // NODE_OPTIONS of the caller (a source condition, a loader) must not reach a user's project.
  const result = spawnSync(command, args, { cwd, encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "", ...env } });
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(" ")} in ${cwd} failed:\n${result.stdout}${result.stderr}${result.error ?? ""}`);
  return result.stdout;
}
