/** Lets a run end in order on the first Ctrl-C or SIGTERM, and at once on the second. */
export function listenForInterruption(): { readonly signal: AbortSignal; readonly stopListening: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    stopListening: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
