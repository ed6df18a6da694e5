/** What README shows works as it stands there. */
import { assertMatch } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { openSocket } from "../support/peer.ts";

const ROOT = new URL("../../", import.meta.url);

/** The first TypeScript example, made to run from anywhere. */
async function example(): Promise<string> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const code = /```ts\n(.*?)```/s.exec(readme)?.[1];
  if (code === undefined) throw new Error("README.md shows no TypeScript example");
  return code.replace('"./client/mod.ts"', JSON.stringify(new URL("client/mod.ts", ROOT).href));
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (
    const chunk of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
  ) {
    text += chunk;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return text;
}

eachForm(({ test }) => {
  test("README's dashboard prints what README's raw device sends", async (gateway) => {
    const name = uniqueName("pump");
    const token = await operator.addDevice(gateway, name);
    const device = await openSocket(gateway, "/v1/device", { token, protocols: [] });
    await device.sendText("612");
    const reader = await operator.dashboardToken(gateway, { read: [`${name}/text`] });
    const script = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(script, await example());
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--allow-net", "--allow-env", script, gateway.url, reader.token],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      assertMatch(await firstLine(child.stdout), new RegExp(`^${name}/text 612 [\\d.-]+ ms old$`));
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(script);
      device.cut();
    }
  });
});
