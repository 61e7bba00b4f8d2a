import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testFolder } from "../testing/testFolder.ts";
import { clearFolder, decideEntry } from "./runFolder.ts";

/** A run folder with checkpoints at these steps. */
async function runWith(...steps: readonly number[]): Promise<string> {
  const folder = await testFolder();
  await writeFile(join(folder, "config.yaml"), "");
  for (const step of steps) {
    await mkdir(join(folder, `checkpoint-${step}`));
    await writeFile(join(folder, `checkpoint-${step}`, "trainer_state.json"), "{}");
  }
  return folder;
}

test("a run goes on from an earlier checkpoint only where the later ones may go", async () => {
  const folder = await runWith(10, 20, 30);
  const resume = join(folder, "checkpoint-10");
  await expect(decideEntry(folder, { resume, overwrite: false })).rejects.toMatchObject({
    code: "output-folder-in-use",
    message: expect.stringContaining("holds checkpoints behind step 10, up to step 30.") as string,
  });
  const entry = await decideEntry(folder, { resume, overwrite: true });
  expect(entry).toMatchObject({ kind: "resume", from: { step: 10 }, replaced: [{ step: 20 }, { step: 30 }] });
  await clearFolder(folder, entry);
  expect((await readdir(folder)).sort()).toEqual(["checkpoint-10", "config.yaml"]);
});

test("the newest checkpoint, and a new folder, need no leave", async () => {
  const folder = await runWith(10, 20);
  expect(await decideEntry(folder, { resume: "auto", overwrite: false })).toMatchObject({ from: { step: 20 }, replaced: [] });
  const elsewhere = await testFolder();
  const resume = join(folder, "checkpoint-10");
  expect(await decideEntry(elsewhere, { resume, overwrite: false })).toMatchObject({ from: { step: 10 }, replaced: [] });
  await expect(decideEntry(await runWith(5), { resume, overwrite: false })).rejects.toThrow("holds another run, saved up to step 5.");
});

test("a checkpoint that is not there is refused before anything goes", async () => {
  const folder = await runWith(10);
  const resume = join(folder, "checkpoint-5");
  await expect(decideEntry(folder, { resume, overwrite: true })).rejects.toMatchObject({ code: "nothing-to-resume" });
});

test("--overwrite does not take what the run reads", async () => {
  const folder = await runWith(10);
  const reads = [join(folder, "checkpoint-10")];
  await expect(decideEntry(folder, { overwrite: true, reads })).rejects.toThrow(`--overwrite would remove ${reads[0]}, and this run reads`);
  expect(await decideEntry(folder, { overwrite: true, reads: [folder] })).toMatchObject({ kind: "overwrite" });
});

test("what a killed run was about to save goes when the run goes on; other files stay", async () => {
  const folder = await runWith(10);
  await mkdir(join(folder, "checkpoint-11.4391-3b66feda.tmp"));
  await writeFile(join(folder, "checkpoint-notes.tmp"), "mine");
  await clearFolder(folder, await decideEntry(folder, { resume: "auto", overwrite: false }));
  expect((await readdir(folder)).sort()).toEqual(["checkpoint-10", "checkpoint-notes.tmp", "config.yaml"]);
});

test("a run writes over no recipe and no rows of its own, asked or not", async () => {
  const folder = await testFolder();
  const recipe = join(folder, "config.yaml");
  await writeFile(recipe, "base_model: model # mine\n");
  await expect(decideEntry(folder, { overwrite: true, recipe })).rejects.toThrow(`would write over its recipe, ${recipe}.`);
  await expect(decideEntry(folder, { overwrite: true, reads: [join(folder, "samples.json")] })).rejects.toThrow("which it reads.");
  // The recipe that a run left is run again.
  const run = await runWith(10);
  expect(await decideEntry(run, { overwrite: true, recipe: join(run, "config.yaml") })).toMatchObject({ kind: "overwrite" });
});
