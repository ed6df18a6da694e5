/**
 * Why a broker cannot be reached or ended the connection, in words that say what to do.
 *
 * @module
 */

/** CONNACK return codes of MQTT 3.1.1 section 3.2.2.3 and the reason codes of MQTT 5 section 2.4 that matter here. */
const CODES: Readonly<Record<number, string>> = {
  1: "the broker does not speak this MQTT version; set version to 4 or 5",
  2: "the broker refuses the client id; set another clientId",
  3: "the broker is not available now",
  4: "wrong user name or password",
  5: "not authorised; check user name, password and the broker's access list",
  128: "unspecified error of the broker",
  129: "the broker found a packet malformed",
  130: "the broker saw a breach of the protocol",
  132: "the broker does not speak MQTT 5; set version to 4",
  133: "the broker refuses the client id; set another clientId",
  134: "wrong user name or password",
  135: "not authorised; check user name, password and the broker's access list",
  136: "the broker is not available now",
  137: "the broker is busy",
  138: "the broker has banned this client",
  139: "the broker is shutting down",
  141: "the broker heard nothing within the keepalive; raise keepaliveS",
  142: "another client took over with the same client id; give each gateway its own clientId",
  143: "the broker refuses a topic filter",
  144: "the broker refuses a topic name",
  147: "more messages were under way than the broker's Receive Maximum",
  149: "a packet was larger than the broker allows",
  151: "a quota of the broker is exceeded",
  152: "the broker's administrator ended the connection",
  153: "the broker refuses the payload's format",
  154: "the broker keeps no retained messages; set retain to false",
  155: "the broker does not offer this quality of service",
  156: "the broker sends us elsewhere (use another server)",
  157: "the broker has moved",
  158: "the broker offers no shared subscriptions",
  159: "the broker limits the rate of connections",
};

/** A CONNACK's or DISCONNECT's code in words. */
export function codeInWords(code: number): string {
  return `${CODES[code] ?? "refused by the broker"} (code ${code})`;
}

const UNTRUSTED = "the broker's certificate is not signed by an authority that is trusted";

/** What TLS libraries say, by a part of their code or message, Node's and rustls' alike. */
const TLS: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED|certificate has expired|Expired/, "the broker's certificate has expired"],
  [/CERT_NOT_YET_VALID|NotValidYet/, "the broker's certificate is not valid yet; check the clocks"],
  [
    /ALTNAME_INVALID|NotValidForName|altname/i,
    "the broker's certificate is for another name; use that name in the URL or set serverName",
  ],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|UnknownIssuer|self.signed|unable to (?:get|verify)|BadSignature/i,
    `${UNTRUSTED}; set caFile to the right one`,
  ],
  [
    /certificate.?required|CERTIFICATE_REQUIRED|bad.?certificate|unknown.?ca|UnknownCA|handshake.?failure/i,
    "the broker did not accept the client's certificate; check certFile and keyFile",
  ],
  [
    /wrong version number|InvalidContentType|corrupt message/i,
    "the port does not speak TLS; use mqtt:// or another port",
  ],
];

/** Whether an error of connecting is about the broker's certificate not being trusted. */
export function isDistrust(words: string): boolean {
  return words.startsWith(UNTRUSTED);
}

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be looked up now",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "the host does not answer",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
};

/** An error of connecting, in words. */
export function errorInWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as Error & { code?: number | string };
  if (typeof code === "number") return codeInWords(code);
  const said = `${code ?? ""} ${error.message} ${error.cause instanceof Error ? error.cause.message : ""}`;
  for (const [pattern, words] of TLS) if (pattern.test(said)) return `${words} (${error.message})`;
  if (code !== undefined && code in NETWORK) return NETWORK[code]!;
  const inner = (error as { errors?: unknown[] }).errors?.[0];
  return inner === undefined ? error.message || String(code) : errorInWords(inner);
}
