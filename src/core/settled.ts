type Callback = (failed: boolean, value: unknown) => void;

let latest: { readonly result: Promise<unknown>; callback: Callback } | undefined;

/**
 * Calls back once a result has settled, before whoever gets it later learns of it. Phases that hand on
 * one and the same promise share one reaction: inside an `AsyncLocalStorage` every promise is dear.
 *
 * @param callback - Gets whether it failed, and the value or the error; must not throw.
 * @returns The same promise.
 */
export function onSettled(result: Promise<unknown>, callback: Callback): Promise<unknown> {
  if (latest?.result === result) {
    const earlier = latest.callback;
    latest.callback = (failed, value) => {
      earlier(failed, value);
      callback(failed, value);
    };
    return result;
  }
  const mine = { result, callback };
  latest = mine;
  const settle = (failed: boolean, value: unknown) => {
    if (latest === mine) latest = undefined; // whoever comes now has come too late
    mine.callback(failed, value);
  };
  result.then(
    (value) => settle(false, value),
    (error) => settle(true, error),
  );
  return result;
}
