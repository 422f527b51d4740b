/** What no error message may leak into a log: planted in messages and looked for afterwards. */
export const canary = "kit-canary-5f0c";

const throwing = () => {
  throw new Error("hostile");
};

const everyTrap: ProxyHandler<object> = {
  get: throwing,
  has: throwing,
  getPrototypeOf: throwing,
  ownKeys: throwing,
  getOwnPropertyDescriptor: throwing,
  apply: throwing,
};

/** Values that an SDK never throws or returns, and that arrive one day all the same. */
export function hostileValues(): unknown[] {
  const circular: Record<string, unknown> = { message: canary };
  circular.cause = circular;
  circular.error = circular;
  const getters = Object.defineProperties(
    {},
    Object.fromEntries(
      ["name", "code", "status", "statusCode", "message", "headers", "cause", "$metadata", "$response"].map((key) => [
        key,
        { get: throwing, enumerable: true },
      ]),
    ),
  );
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  return [
    undefined,
    null,
    0,
    Number.NaN,
    "",
    canary,
    true,
    1n,
    Symbol("hostile"),
    () => {},
    {},
    [],
    Object.create(null),
    circular,
    getters,
    new Proxy({}, everyTrap),
    revoked.proxy,
    Object.freeze(new Error(canary)),
    { name: 5, code: {}, status: "NaN", headers: 7, $metadata: null },
    { name: canary.repeat(1000), code: 42, status: -1, headers: { get: throwing }, $metadata: "x" },
    { name: "Error", status: Number.POSITIVE_INFINITY, retryAfterMs: -1, $metadata: { httpStatusCode: {} } },
    { status: 429, headers: new Map([["retry-after", "-5"]]) },
    new AggregateError([null, undefined, circular], canary),
  ];
}
