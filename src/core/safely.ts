/** A reader that cannot change how a call ends: where it throws, `otherwise` is what was read. */
export function safely<R>(read: (value: unknown) => R, otherwise: R): (value: unknown) => R {
  return (value) => {
    try {
      return read(value);
    } catch {
      return otherwise;
    }
  };
}
