/**
 * Long lists in as many control messages as it takes.
 *
 * @module
 */
import { MAX_CONTROL_BYTES } from "./limits.ts";
import { utf8Length } from "./utf8.ts";

/**
 * Control messages `{"type": type, [list]: […]}` that hold all `items` in order, none of them longer than
 * `maxBytes`. An empty list makes one message. An item that is too long by itself goes alone.
 *
 * @example
 * ```ts
 * import { inMessages } from "./split.ts";
 *
 * [...inMessages("unadvertise", "channels", [1, 2])]; // ['{"type":"unadvertise","channels":[1,2]}']
 * ```
 */
export function* inMessages(
  type: string,
  list: string,
  items: readonly unknown[],
  maxBytes: number = MAX_CONTROL_BYTES,
): Generator<string> {
  const head = `{"type":${JSON.stringify(type)},${JSON.stringify(list)}:[`;
  const frameBytes = utf8Length(head) + 2;
  let texts: string[] = [];
  let bytes = frameBytes;
  for (const item of items) {
    const text = JSON.stringify(item);
    const itemBytes = utf8Length(text) + 1;
    if (texts.length > 0 && bytes + itemBytes > maxBytes) {
      yield `${head}${texts.join(",")}]}`;
      texts = [];
      bytes = frameBytes;
    }
    texts.push(text);
    bytes += itemBytes;
  }
  yield `${head}${texts.join(",")}]}`;
}
