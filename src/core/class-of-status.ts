import type { ErrorClass } from "./errors.ts";

/** What an HTTP status means, whoever sent it. */
export function classOfStatus(status: number): "ok" | ErrorClass {
  if (status < 400) return "ok";
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "denied";
    case 404:
    case 410:
      return "not-found";
    case 408:
      return "outage";
    case 409:
    case 412:
    case 423:
      return "conflict";
    case 429:
      return "throttled";
    case 501:
      return "invalid";
  }
  return status >= 500 ? "outage" : "invalid";
}
