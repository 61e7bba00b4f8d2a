import { detectRecordFormat, readRecord, RecordError, unreadFields, type Conversation, type RecordFormat } from "@sft/templates";
import { CliError } from "../failure/cliError.ts";
import { renameColumns, type Columns } from "./columns.ts";
import { describePlace, type RowPlace } from "./rowPlace.ts";

/** How the rows of a file are laid out. */
export interface RowLayout {
  /** Record format; detected row by row when absent. */
  readonly type?: RecordFormat | undefined;
  /** Columns that are called otherwise than the format's fields. */
  readonly columns?: Columns | undefined;
}

/** A row of a file as a conversation, and the names of its fields that nothing reads. */
export function readRow(value: unknown, place: RowPlace, { type, columns }: RowLayout): { conversation: Conversation; unread: string[] } {
  const row = columns !== undefined && isRow(value) ? renameColumns(value, columns, describePlace(place)) : value;
  try {
    const conversation = readRecord(row, { ...place, ...(type ? { format: type } : {}) });
    const unread = unreadFields(row as Readonly<Record<string, unknown>>, conversation.record!.format);
    return { conversation, unread: [...unread, ...hiddenFields(value, columns)] };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    const [field] = error.field?.split(".", 1) ?? [];
    const column = field === undefined ? undefined : columns?.[field];
    if (column !== undefined) error.message += ` "${field}" is the column ${JSON.stringify(column)}.`;
    if (error.code === "missing-field" && field !== undefined && isRow(row)) throw withOtherColumns(error, field, row, type);
    if (error.code !== "unknown-format") throw error;
    const names = Object.keys(row as object);
    const [question, answer] = names.length === 2 && names.every((name) => /^\w+$/.test(name)) ? names : ["COLUMN", "COLUMN"];
    throw new CliError(
      "unknown-format",
      error.message,
      `Or leave the file as it is and say which column is which: --columns instruction=${question},output=${answer}; in a recipe, columns: { instruction: ${question}, output: ${answer} } beside the file's path.`,
      { cause: error },
    );
  }
}

/** What other tools' rows call their answers. */
const answers = /^(response|answer|completion|target|label|reply|text)$/i;

/** The same error of a row that lacks a field, with the columns among which it may be under another name. */
function withOtherColumns(
  error: RecordError,
  field: string,
  row: Readonly<Record<string, unknown>>,
  type: RecordFormat | undefined,
): unknown {
  const format = type ?? detectRecordFormat(row);
  const others = Object.hasOwn(row, field) || format === null ? [] : unreadFields(row, format);
  if (others.length === 0) return error;
  const named = others.length === 1 ? others[0] : (others.find((name) => answers.test(name)) ?? "COLUMN");
  return new CliError(
    "missing-column",
    error.message,
    `Or, where another of its columns (${others.join(", ")}) is the ${field}: --columns ${field}=${named}; in a recipe, columns: { ${field}: ${named} } beside the file's path.`,
    { cause: error },
  );
}

/** Columns that bear the name of a field which another column is read for. */
function hiddenFields(value: unknown, columns: Columns = {}): string[] {
  if (!isRow(value)) return [];
  const read = new Set(Object.values(columns));
  const isRenamed = (column: string | undefined): boolean => column !== undefined && Object.hasOwn(value, column);
  return Object.entries(columns)
    .filter(([field, column]) => isRenamed(column) && Object.hasOwn(value, field) && !read.has(field))
    .map(([field]) => field);
}

const isRow = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
