/**
 * The source of figures that works on this machine.
 *
 * @module
 */
import { findReader } from "./host_files.ts";
import { type FigureSource, linuxSource, portableSource } from "./source.ts";

/** Linux by its files where they can be read, else the runtime's own calls. */
export async function hostSource(dataDir?: string): Promise<FigureSource> {
  const reader = await findReader();
  return reader ? linuxSource(reader, dataDir) : portableSource(dataDir);
}
