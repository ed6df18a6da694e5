# The gateway as one executable in an image without a runtime, a shell user's rights or anything else to update.
#
#   docker build -t tidegate .
#   docker run -d --name tidegate -p 8080:8080 -v tidegate:/data tidegate
#   docker logs tidegate            # the login link, and the fingerprint of the certificate
#
# RUNTIME=deno builds the Deno appliance, whose permissions are fixed when it is compiled, in place of Bun's.

FROM node:22.12.0-bookworm-slim AS build
ARG RUNTIME=bun
WORKDIR /build
# Dependencies first: they change less often than the program, so the layer is used again.
COPY deno.json deno.lock ./
RUN npx --yes deno@2.9.6 install --frozen
COPY . .
RUN if [ "$RUNTIME" = deno ]; then npx --yes deno@2.9.6 task compile; \
    else npx --yes deno@2.9.6 task compile:bun && mv dist/tidegate-bun dist/tidegate; fi \
 && dist/tidegate version

FROM debian:12.8-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin tidegate \
 && install -d -o tidegate -g tidegate -m 0700 /data
COPY --from=build /build/dist/tidegate /usr/local/bin/tidegate
USER tidegate
WORKDIR /data
VOLUME /data
# Reached from other machines by its nature, so with TLS: a certificate of its own unless another one is given.
# Behind a proxy that does TLS, run with -e TIDEGATE_TLS=off -e TIDEGATE_INSECURE_LISTEN=true instead.
ENV TIDEGATE_LISTEN=0.0.0.0:8080 TIDEGATE_DATA=/data TIDEGATE_TLS=auto
EXPOSE 8080
# doctor takes the same settings from the same environment; with --running it fails unless a gateway answers and is
# ready, that is, records.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["tidegate", "doctor", "--running"]
ENTRYPOINT ["tidegate"]
CMD ["serve"]
