/** Where a row stands; row and line count from 1. */
export interface RowPlace {
  readonly file: string;
  readonly row: number;
  readonly line?: number;
}

/** "data.json:14: row 3". */
export function describePlace({ file, row, line }: RowPlace): string {
  return `${file}${line === undefined ? "" : `:${line}`}: row ${row}`;
}
