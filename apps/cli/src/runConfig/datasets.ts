import { recordFields, recordFormats } from "@sft/templates";
import { z } from "zod";

const dataset = z.strictObject({
  path: z.string().min(1).describe("json, jsonl, csv, tsv or parquet; text formats also as .gz"),
  type: z.enum(recordFormats).optional().describe("record format; detected row by row when absent"),
  columns: z
    .strictObject(Object.fromEntries(recordFields.map((field) => [field, z.string().min(1).optional()])))
    .optional()
    .describe("what the file's columns are called: { instruction: question, output: answer }"),
});

/** Keys of a data set. */
export const datasetKeys: readonly string[] = Object.keys(dataset.shape);

/** A file's name is short for `{ path }`: alone, several with commas, or in a list; and one data set for a list of it. */
export const datasets = z.preprocess((value) => {
  const list: unknown = typeof value === "string" ? value.split(",") : isMapping(value) ? [value] : value;
  return Array.isArray(list) ? list.map((set: unknown) => (typeof set === "string" ? { path: set.trim() } : set)) : list;
}, z.array(dataset).min(1));

const isMapping = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
