/** The function that an HTTP client lets you pass: `fetch`, or anything with its shape. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What the adapter knows of a request before it is sent. */
export interface ReadRequest {
  readonly method: string;
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** The body as JSON, or `undefined` where it is none. */
  readonly json: unknown;
  /** Whether the same arguments can be sent twice: not with a body that streams. */
  readonly repeatable: boolean;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRequest = (input: unknown): input is Request =>
  typeof input === "object" && input !== null && typeof (input as Request).clone === "function" && "method" in input;

/** Reads method, URL and JSON body of whatever `fetch` was given; a body that streams is not touched. */
export async function readRequest(input: string | URL | Request, init: RequestInit | undefined): Promise<ReadRequest> {
  const request = isRequest(input) ? input : undefined;
  const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
  const signal = init?.signal ?? request?.signal ?? undefined;
  const body = init?.body ?? undefined;
  const known = { method, url: new URL(request?.url ?? String(input)), signal };
  if (body !== undefined) {
    const json = typeof body === "string" ? parsed(body) : undefined;
    return { ...known, json, repeatable: !(body instanceof ReadableStream) };
  }
  if (request?.body == null) return { ...known, json: undefined, repeatable: true };
  const isJson = /\bjson\b/i.test(request.headers.get("content-type") ?? "");
  return { ...known, json: isJson ? parsed(await request.clone().text()) : undefined, repeatable: true };
}

/** What the guard changed about a request. */
export interface Changes {
  /** The new JSON body, or `undefined` where the body stays as it is. */
  readonly json: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a request with the guard's changes; without any, exactly the caller's own arguments go out. */
export function sendRequest(
  fetch: FetchLike,
  input: string | URL | Request,
  init: RequestInit | undefined,
  changes: Changes,
): Promise<Response> {
  const names = Object.keys(changes.headers);
  if (changes.json === undefined && names.length === 0) {
    return isRequest(input) && input.body != null && init?.body == null
      ? fetch(input.clone(), init)
      : fetch(input, init);
  }
  const headers = new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined));
  for (const name of names) headers.set(name, changes.headers[name] as string);
  const body = changes.json === undefined ? undefined : JSON.stringify(changes.json);
  if (body !== undefined) headers.delete("content-length");
  const changed = { ...init, headers, ...(body === undefined ? {} : { body }) };
  return isRequest(input) ? fetch(input.clone(), changed) : fetch(input, changed);
}
