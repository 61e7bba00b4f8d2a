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

/** A file name is short for `[{ path }]`. */
export const datasets = z.preprocess(
  (value) => (typeof value === "string" ? value.split(",").map((path) => ({ path: path.trim() })) : value),
  z.array(dataset).min(1),
);
