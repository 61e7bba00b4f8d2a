/** Columns of the terminal; 100 where output goes elsewhere, or where a terminal does not say. */
export function terminalWidth(): number {
  return process.stdout.columns || 100;
}
