/**
 * Measures of the HTTP routes themselves.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./endpoint.ts";
import type { ExpositionSample, MetricFamily } from "./exposition.ts";

/** Upper bounds of the buckets for the time an answer takes, in seconds: from cached pages to long queries. */
const BOUNDS_S = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

const METHODS = new Set(["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]);

interface Times {
  /** How many took up to each bound, and behind them those that took longer. */
  counts: number[];
  sumS: number;
}

/** Counts requests and how long they take. */
export class HttpMetrics {
  readonly #requests = new Map<string, { labels: Record<string, string>; value: number }>();
  readonly #times = new Map<string, Times>();

  /** Counts every request. Labels come from the routes there are, so that callers cannot make new ones. */
  readonly middleware: MiddlewareHandler<AppEnv> = async (c, next) => {
    const start = performance.now();
    await next();
    const method = METHODS.has(c.req.method) ? c.req.method : "other";
    this.count(c.get("route") ?? "other", method, c.res.status, (performance.now() - start) / 1000);
  };

  /** Counts one request that took `seconds`. */
  count(route: string, method: string, status: number, seconds: number): void {
    const key = `${status} ${method} ${route}`;
    const entry = this.#requests.get(key);
    if (entry) entry.value++;
    else this.#requests.set(key, { labels: { route, method, status: String(status) }, value: 1 });
    let times = this.#times.get(route);
    if (!times) this.#times.set(route, times = { counts: new Array(BOUNDS_S.length + 1).fill(0), sumS: 0 });
    const bucket = BOUNDS_S.findIndex((bound) => seconds <= bound);
    times.counts[bucket < 0 ? BOUNDS_S.length : bucket]!++;
    times.sumS += seconds;
  }

  /** What was counted. */
  families(): MetricFamily[] {
    return [
      {
        name: "tidegate_http_requests_total",
        help: "HTTP requests answered, by route, method and status.",
        type: "counter",
        samples: this.#requests.values(),
      },
      {
        name: "tidegate_http_request_seconds",
        help: "Time from a request to its answer's headers, by route.",
        type: "histogram",
        samples: this.#histogram(),
      },
    ];
  }

  *#histogram(): Generator<ExpositionSample> {
    for (const [route, { counts, sumS }] of this.#times) {
      let total = 0;
      for (const [i, count] of counts.entries()) {
        total += count;
        const le = i < BOUNDS_S.length ? String(BOUNDS_S[i]) : "+Inf";
        yield { suffix: "_bucket", labels: { route, le }, value: total };
      }
      yield { suffix: "_sum", labels: { route }, value: sumS };
      yield { suffix: "_count", labels: { route }, value: total };
    }
  }
}
