import { stat } from "node:fs/promises";
import { dirname, isAbsolute, relative } from "node:path";
import { usageError } from "../failure/cliError.ts";

/**
 * Refuses a place where a new recipe (absolute path) must not lie, before anything is read.
 * @throws CliError "bad-flag", "output-file-in-use"
 */
export async function checkRecipePlace(path: string, shown: string, overwrite: boolean): Promise<void> {
  if (!/\.ya?ml$/i.test(path))
    throw usageError("bad-flag", `A recipe's name ends in .yaml, and ${shown} does not.`, `Write for example sft init ${shown}.yaml.`);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (found.isDirectory()) throw usageError("output-file-in-use", `${shown} is a folder.`, "Give the recipe another name.");
  if (!overwrite)
    throw usageError(
      "output-file-in-use",
      `${shown} is there already.`,
      "Give the recipe another name, or write over it with --overwrite.",
    );
}

/** How a recipe names a path that it reads: from its own folder, so that both can move together. */
export function besideRecipe(recipe: string, path: string): string {
  const way = relative(dirname(recipe), path);
  // Another drive has no relative path.
  return isAbsolute(way) || way.startsWith("..") ? way : `./${way}`;
}
