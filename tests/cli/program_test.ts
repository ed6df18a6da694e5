import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../cli/version.ts";
import { tidegate } from "./support.ts";

const COMMANDS = ["serve", "agent", "simulate", "device", "token", "sessions", "doctor", "version"];

Deno.test("help names every command and every exit code", async () => {
  const { code, out, err } = await tidegate(["--help"]);
  assertEquals([code, err], [0, []]);
  for (const name of COMMANDS) assertMatch(out.join("\n"), new RegExp(`^  ${name} `, "m"));
  for (const exit of [0, 1, 2, 3, 4]) assertMatch(out.join("\n"), new RegExp(`^  ${exit}  `, "m"));
});

Deno.test("every command has help with an example, and no line of it is too wide for a terminal", async () => {
  const paths = [
    ...COMMANDS.map((name) => [name]),
    ...["add", "list", "revoke", "approve"].map((name) => ["device", name]),
    ...["create", "list", "revoke"].map((name) => ["token", name]),
    ...["list", "show", "samples"].map((name) => ["sessions", name]),
  ];
  for (const path of paths) {
    const { code, out } = await tidegate([...path, "--help"]);
    const text = out.join("\n");
    assertEquals(code, 0, path.join(" "));
    assertStringIncludes(text, `Usage: tidegate ${path.join(" ")}`);
    if (path.length === 1 && path[0] !== "version") assertStringIncludes(text, "Examples:");
    const wide = text.split("\n").filter((line) => line.length > 120);
    assertEquals(wide, [], path.join(" "));
  }
});

Deno.test("every command that prints data takes --json", async () => {
  for (
    const path of [
      "serve",
      "simulate",
      "device add",
      "device list",
      "token create",
      "sessions show",
      "doctor",
      "version",
    ]
  ) {
    const { out } = await tidegate([...path.split(" "), "--help"]);
    assertStringIncludes(out.join("\n"), "--json", path);
  }
});

Deno.test("--version prints the version alone", async () => {
  const { code, out } = await tidegate(["--version"]);
  assertEquals([code, out], [0, [VERSION]]);
});

Deno.test("version --json names runtime and protocol", async () => {
  const { out } = await tidegate(["version", "--json"]);
  const { version, protocol, runtime } = JSON.parse(out[0]!);
  assertEquals([version, protocol, runtime], [VERSION, 1, "deno 0.0.0"]);
});

Deno.test("a wrong command line is one line on stderr and exits with 2", async () => {
  const wrong = [
    [["servee"], 'unknown command "servee"'],
    [["--lisen", ":1"], "unknown option '--lisen' (Did you mean --listen?)"],
    [["device", "add"], "missing required argument 'NAME'"],
    [["token", "create", "--role", "king"], "Allowed choices are operator, dashboard, device"],
    [["token", "create"], "required option '--role <ROLE>' not specified"],
    [["serve", "surplus"], "too many arguments"],
    [["simulate", "--devices", "0"], "--devices: expected a whole number from 1 to 10000"],
    [["simulate", "--rate", "-1"], "--rate: expected a number above 0"],
    [["agent", "--rate", "fast"], "--rate: expected a number above 0 and up to 100"],
    [["agent", "--device", "a/b"], "--device: device name"],
    [
      ["device", "add", "pump 7"],
      `NAME: device name "pump 7" may hold only letters, digits, '.', '_' and '-', and starts with a letter or digit; try pump-7`,
    ],
    [["token", "create", "--role", "device", "--device", "*"], '--device: device name "*" may hold only'],
    [["sessions", "list", "--from", "soon"], "--from: expected a time such as"],
    [["device", "list", "--url", "gateway:80", "--token", "t"], "--url: expected http"],
    [["device", "list", "--url", "http://127.0.0.1:1"], "wants a token"],
  ] as const;
  for (const [args, message] of wrong) {
    const { code, out, err } = await tidegate(args);
    assertEquals([code, out.length, err.length], [2, 0, 1], args.join(" "));
    assertStringIncludes(err[0]!, message);
    assertEquals(err[0]!.includes("\n"), false, err[0]);
  }
});

Deno.test("print-config shows values and sources and starts nothing", async () => {
  const { code, out } = await tidegate(["--print-config", "--json", "--listen", "localhost:0"], {
    env: { TIDEGATE_LOG_LEVEL: "debug" },
  });
  const printed = JSON.parse(out[0]!);
  assertEquals(code, 0);
  assertEquals(printed.listen, { value: "localhost:0", source: "--listen" });
  assertEquals(printed["log.level"], { value: "debug", source: "TIDEGATE_LOG_LEVEL" });
});
