import { defaultSettings } from "@sft/trainer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testFolder } from "../testing/testFolder.ts";
import { resumeNotices } from "./resumeNotices.ts";

test("a resumed run says which settings it changes", async () => {
  const folder = await testFolder();
  const settings = { ...defaultSettings, maxSteps: 10 };
  await writeFile(join(folder, "trainer_state.json"), JSON.stringify({ settings: { ...settings, learningRate: 1 } }));
  expect(await resumeNotices(folder, settings)).toEqual(["learningRate is 0.0002 from here on; the saved run had 1"]);
  expect(await resumeNotices(join(folder, "nowhere"), settings)).toEqual([]);
});
