/**
 * A self-signed certificate for 127.0.0.1, made anew for each run by the `openssl` program, so that the
 * runtimes' TLS is tested against certificates that are not of our own making.
 *
 * @module
 */

/** PEM texts of a fresh certificate and its key. */
export async function testCertificate(): Promise<{ cert: string; key: string }> {
  const options =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -keyout - -out -";
  const { success, stdout, stderr } = await new Deno.Command("openssl", {
    args: [
      ...options.split(" "),
      ...["-subj", "/CN=Tidegate test"],
      ...["-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ],
  }).output();
  if (!success) throw new Error(`openssl made no certificate: ${new TextDecoder().decode(stderr)}`);
  const [key, cert] = ["PRIVATE KEY", "CERTIFICATE"].map((label) => {
    const block = new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----\n`);
    return block.exec(new TextDecoder().decode(stdout))?.[0] ?? "";
  });
  return { cert: cert!, key: key! };
}
