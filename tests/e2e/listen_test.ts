/** Where the gateway listens, and how it is encrypted. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { eachForm } from "../support/each_form.ts";
import { StartFailed } from "../support/gateway_process.ts";
import { DashboardPeer } from "../support/peer.ts";
import type { Wire } from "../support/raw_websocket.ts";

function tlsSocket(url: URL, certificate: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = { host: url.hostname, port: Number(url.port), ca: certificate, servername: "localhost" };
    const socket = connectTls(options, () => resolve(socket));
    socket.once("error", reject);
  });
}

function wireOf(socket: TLSSocket): Wire {
  const { readable, writable } = Duplex.toWeb(socket);
  return {
    readable: readable as ReadableStream<Uint8Array>,
    writable: writable as WritableStream<Uint8Array>,
    close: () => socket.destroy(),
  };
}

eachForm(({ alone, form }) => {
  alone(
    "--tls auto serves wss with the certificate whose fingerprint it prints, and keeps it",
    async (start) => {
      const first = await start({ args: ["--tls", "auto"] });
      assertMatch(first.url, /^https:/);
      assert(first.certificate, "run.json holds the certificate to trust");
      const socket = await tlsSocket(new URL(first.url), first.certificate);
      await first.says(new RegExp(socket.getPeerCertificate().fingerprint256, "i"));
      const dashboard = await DashboardPeer.open(first, { token: first.token, wire: wireOf(socket) });
      await dashboard.send({ type: "hello", protocol: 1 });
      await dashboard.expect("welcome");
      dashboard.cut();
      await first.stop();
      const second = await start({ args: ["--tls", "auto"], data: first.data });
      assertEquals(second.certificate, first.certificate);
    },
  );

  alone("listening beyond this machine without TLS is refused, unless asked for by name", async (start) => {
    const failed = await assertRejects(() => start({ args: ["--listen", "0.0.0.0:0"] }), StartFailed);
    assertEquals(failed.code, 2);
    assertMatch(failed.output, /tls|insecure/i);
    await start({ args: ["--listen", "0.0.0.0:0", "--insecure-listen"] });
  });

  alone("a second gateway over the same data is refused", async (start) => {
    const first = await start();
    const failed = await assertRejects(() => start({ data: first.data }), StartFailed);
    assertMatch(failed.output, /already runs/);
    assertEquals(failed.code, 1, form.name);
  });

  alone("a setting that cannot be honoured stops the start with a message", async (start) => {
    const failed = await assertRejects(() => start({ args: ["--tls-cert", "/nowhere.pem"] }), StartFailed);
    assertEquals(failed.code, 2);
    assertMatch(failed.output, /--tls-key/);
  });
});
