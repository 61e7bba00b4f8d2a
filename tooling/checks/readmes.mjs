// A package's README as its reader takes it: what its code imports is in the line that installs it, and its first example runs.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Runs the README's first example in `project`, where every package is installed.
 * @throws Error naming the package and what its README leaves out, or prints otherwise
 */
export function checkReadme(name, project) {
  const text = readFileSync(join(project, "node_modules/@sft", name, "README.md"), "utf8");
  const fault = (what) => new Error(`The README of @sft/${name} ${what}`);
  const installed = new Set(/^npm install (.+)$/m.exec(text)?.[1].split(" "));
  if (!installed.has(`@sft/${name}`)) throw fault(`has no line "npm install @sft/${name}".`);

  const examples = [...text.matchAll(/^```(?:js|ts)\n(.*?)^```\n(?:\nIt prints\n\n```text\n(.*?)^```\n)?/gms)];
  for (const [, code] of examples)
    for (const [, imported] of code.matchAll(/from "(@sft\/[\w-]+)/g))
      if (!installed.has(imported)) throw fault(`imports ${imported}, which its "npm install" leaves out.`);

  const [, code, expected] = examples[0] ?? [];
  if (code === undefined) throw fault("has no example.");
  const file = join(project, `readme-${name}.mjs`);
  writeFileSync(file, code);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: project, encoding: "utf8" });
  // Where there is no GPU its example can only get as far as asking for one.
  if (status !== 0 && !stderr.includes("BackendError: no WebGPU adapter was found")) throw fault(`has an example that fails:\n${stderr}`);
  if (expected !== undefined && stdout !== expected) throw fault(`says\n${expected}and its example prints\n${stdout}`);
}
