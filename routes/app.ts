/**
 * The HTTP application: every route, with what all of them share.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { discardBody } from "./body.ts";
import { deviceRoutes } from "./devices.ts";
import { type App, type AppEnv, Endpoints } from "./endpoint.ts";
import { enrolmentRoutes } from "./enrolments.ts";
import { crossOrigin, securityHeaders } from "./headers.ts";
import { loginRoutes } from "./login.ts";
import { HttpMetrics } from "./http_metrics.ts";
import { metricsRoutes } from "./metrics.ts";
import { openApiRoutes } from "./openapi.ts";
import { pageRoutes } from "./page.ts";
import { asProblem, Problem, problemResponse } from "./problem.ts";
import { rtcRoutes } from "./rtc.ts";
import type { Services } from "./services.ts";
import { sessionRoutes } from "./sessions.ts";
import { DEVICE_PATH, LIVE_PATH } from "./sockets.ts";
import { statusRoutes } from "./status.ts";
import { tokenRoutes } from "./tokens.ts";
import { topicWriteRoutes } from "./topic_write.ts";
import { topicRoutes } from "./topics.ts";
import { transportRoutes } from "./transports.ts";

/** For who comes to a WebSocket endpoint without a handshake (RFC 9110 section 15.5.22). */
function upgradeRequired(path: string): never {
  const headers = { upgrade: "websocket", connection: "upgrade" };
  throw new Problem("upgrade-required", `${path} is reached by a WebSocket handshake only`, { headers });
}

/**
 * Builds the application.
 *
 * @example
 * ```ts ignore
 * const app = buildApp(services);
 * serve({ fetch: (request, { remote }) => app.fetch(request, { remote }) });
 * // In the same process, as an operator:
 * await app.request("/v1/devices", {}, { [CALLER]: LOCAL_OPERATOR });
 * ```
 */
export function buildApp(services: Services): App {
  const app: App = new OpenAPIHono<AppEnv>();
  const http = new HttpMetrics();
  app.use(http.middleware);
  app.use(async (c, next) => {
    await next();
    await discardBody(c.req.raw);
  });
  app.use(securityHeaders);
  app.use(crossOrigin(services.access.gate));

  const endpoints = new Endpoints(app, services);
  statusRoutes(endpoints, services);
  metricsRoutes(endpoints, services, http);
  loginRoutes(endpoints, services);
  deviceRoutes(endpoints, services);
  topicRoutes(endpoints, services);
  topicWriteRoutes(endpoints, services);
  sessionRoutes(endpoints, services);
  transportRoutes(endpoints, services);
  tokenRoutes(endpoints, services);
  enrolmentRoutes(endpoints, services);
  rtcRoutes(endpoints, services);
  endpoints.seal();
  for (const path of [DEVICE_PATH, LIVE_PATH]) app.all(path, () => upgradeRequired(path));
  openApiRoutes(app, services.version);
  if (services.page) pageRoutes(app, services.page);

  app.notFound((c) =>
    problemResponse(new Problem("not-found", "nothing is served at this path"), c.req.path)
  );
  app.onError((error, c) => {
    const problem = asProblem(error);
    if (problem) return problemResponse(problem, c.req.path);
    services.fault(`${c.req.method} ${c.req.path}`, error);
    return problemResponse(
      new Problem("internal", "the gateway failed to answer; its log says why"),
      c.req.path,
    );
  });
  return app;
}
