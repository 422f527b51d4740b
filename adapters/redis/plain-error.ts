/** An error that may go into logs. */
export type PlainError = Error & { readonly code?: unknown };

/** The error without the command that ioredis hangs on it, and that Redis repeats: its arguments may be a password. */
export function plainError(error: unknown): PlainError {
  const { name, message, code }: PlainError = error instanceof Error ? error : new Error(String(error));
  const copy = new Error(message.replace(/, with args beginning with:.*/s, ""));
  return Object.assign(copy, { name }, code === undefined ? undefined : { code });
}

/** `ECONNREFUSED`, `WRONGPASS` and the like, else the whole message. */
export function reasonOf({ code, message }: PlainError): string {
  return typeof code === "string" ? code : (/^[A-Z]{4,}(?= )/.exec(message)?.[0] ?? message);
}
