import { assertEquals, assertStringIncludes } from "@std/assert";
import { listenProblem } from "../../cli/listen_problem.ts";

const listen = { hostname: "::1", port: 80 };

Deno.test("listenProblem explains the errors of both runtimes alike", () => {
  const ours = new Deno.errors.AddrInUse("Address already in use (os error 98)");
  const theirs = Object.assign(new Error("Failed to start server"), { code: "EADDRINUSE" });
  assertEquals(listenProblem(listen, ours), listenProblem(listen, theirs));
  assertStringIncludes(listenProblem(listen, ours)?.message ?? "", "[::1]:80 is taken");
  const denied = listenProblem(listen, Object.assign(new Error("x"), { code: "EACCES" }));
  assertStringIncludes(denied?.advice ?? "", "1024");
});

Deno.test("listenProblem has nothing to say of other errors", () => {
  assertEquals(listenProblem(listen, new Error("file is not a database")), undefined);
});
