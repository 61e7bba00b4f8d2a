// Checks that packages import each other only along the arrows of the design. Exits 1 and names every other import.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Who may import whom in shipped code. A package that is not listed may import nothing of ours. */
const arrows = {
  templates: [],
  tokenizer: [],
  mask: ["templates", "tokenizer"],
  kernels: [],
  "kernels-cpu": ["kernels"],
  "kernels-webgpu": ["kernels"],
  checkpoint: [],
  model: ["kernels", "checkpoint"],
  data: [],
  trainer: ["model", "kernels", "checkpoint", "mask"],
};

/** Packages of which only types may be imported, by importer. */
const typesOnly = { mask: ["templates", "tokenizer"] };

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const problems = [];

for (const [name, allowed] of Object.entries(arrows)) {
  const folder = join(root, "packages", name);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const dependency of ourNames(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))) {
    if (!allowed.includes(dependency)) problems.push(`packages/${name}/package.json depends on @sft/${dependency}`);
  }
  for (const file of sources(join(folder, "src"))) {
    for (const { target, isType } of imports(readFileSync(file, "utf8"))) {
      const where = relative(root, file);
      if (target !== name && !allowed.includes(target)) problems.push(`${where} imports @sft/${target}`);
      else if (!isType && typesOnly[name]?.includes(target))
        problems.push(`${where} imports values of @sft/${target}, types only are allowed`);
    }
  }
}

for (const name of readdirSync(join(root, "packages"))) {
  if (!(name in arrows)) problems.push(`packages/${name} is not in the table of ${relative(root, fileURLToPath(import.meta.url))}`);
}

if (problems.length > 0) {
  console.error(`Imports against the arrows of the design:\n  ${problems.join("\n  ")}`);
  process.exit(1);
}
console.log(`arrows: ${Object.keys(arrows).length} packages, all imports allowed`);

function ourNames(names) {
  return names.filter((name) => name.startsWith("@sft/")).map((name) => name.slice("@sft/".length));
}

/** Shipped TypeScript files: tests and what only tests use are left out. */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !/\.(test|bench|lab)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.slice(folder.length).includes("/testing/") || folder.endsWith("kernels/src"));
}

/** The `@sft/...` imports of a file. */
function imports(text) {
  return [
    ...text.matchAll(/^\s*(?:import|export)\s+(type\s+)?[^;"']*?from\s+["']@sft\/([a-z-]+)[^"']*["']|import\(\s*["']@sft\/([a-z-]+)/gm),
  ].map((match) => ({
    target: match[2] ?? match[3],
    isType: match[1] !== undefined,
  }));
}
