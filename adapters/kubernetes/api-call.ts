/** The request and the answer of client-node, as far as a middleware of ours touches them. */
interface Request {
  setSignal(signal: AbortSignal): void;
  setHeaderParam(name: string, value: string): void;
}

interface Answer {
  readonly headers: Readonly<Record<string, string>>;
}

/** client-node's middlewares return an observable, of which it uses nothing but this. */
const observable = <T>(value: T) => ({ toPromise: () => Promise.resolve(value) });

/** What is given to a call besides its parameters. */
export interface CallSettings {
  readonly signal?: AbortSignal | undefined;
  /** Is told the server's `Date` header, where there is one. */
  readonly dated?: (unixMs: number) => void;
  /** What the answer is to be, in place of the whole object; see `metadataOnly`. */
  readonly accept?: string | undefined;
}

/**
 * The second argument of a method of client-node that makes the request end with a signal: client-node
 * has no option for that. Middlewares of the client itself stay; the merged list is made anew for
 * each call, so that client-node reversing it in place does no harm.
 */
export function callOptions({ signal, dated, accept }: CallSettings): object {
  const middleware = {
    pre(request: Request) {
      if (signal !== undefined) request.setSignal(signal);
      if (accept !== undefined) request.setHeaderParam("Accept", accept);
      return observable(request);
    },
    post(answer: Answer) {
      const at = Date.parse(answer.headers.date ?? "");
      if (!Number.isNaN(at)) dated?.(at);
      return observable(answer);
    },
  };
  return { middleware: [middleware], middlewareMergeStrategy: "append" };
}

/** The HTTP status of an error of client-node, or of a `Status` object; `undefined` where nothing answered. */
export function statusOf(error: unknown): number | undefined {
  const { code, statusCode } = Object(error) as { readonly code?: unknown; readonly statusCode?: unknown };
  return [code, statusCode].find((status) => typeof status === "number");
}

/** A `MicroTime`: Kubernetes takes it with six digits alone. */
export const microTime = (unixMs: number): string => new Date(unixMs).toISOString().replace("Z", "000Z");
