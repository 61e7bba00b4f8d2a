/** One regular file of a tar archive. */
export interface TarEntry {
  readonly name: string;
  readonly data: Uint8Array;
}

const BLOCK = 512;

/**
 * Regular files of an uncompressed POSIX ustar archive (IEEE 1003.1, "pax"): a 512-byte header with the name at 0, the
 * size in octal at 124 and the type at 156, then the data padded to 512 bytes. Other entry types are passed over.
 */
export function* tarEntries(archive: Uint8Array): Generator<TarEntry> {
  for (let offset = 0; offset + BLOCK <= archive.length;) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header[0] === 0) return;
    const size = parseInt(text(header, 124, 12), 8);
    if (!Number.isInteger(size)) throw new RangeError(`tar header at byte ${offset} has the size ${JSON.stringify(text(header, 124, 12))}`);
    const type = header[156]!;
    const data = archive.subarray(offset + BLOCK, offset + BLOCK + size);
    if (type === 0 || type === 0x30) yield { name: text(header, 0, 100), data };
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function text(bytes: Uint8Array, start: number, length: number): string {
  const end = bytes.indexOf(0, start);
  return new TextDecoder().decode(bytes.subarray(start, end === -1 ? start + length : Math.min(end, start + length))).trim();
}
