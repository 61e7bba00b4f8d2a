import { parentPort, workerData } from "node:worker_threads";
import { loadTokenizer } from "../node.ts";

// Loads the tokenizer of the folder that it is given and answers with the ids and offsets of each text.
const { folder, texts } = workerData as { folder: string; texts: readonly string[] };
const tokenizer = await loadTokenizer(folder);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
parentPort?.postMessage(texts.map((text) => tokenizer.encode(text)));
