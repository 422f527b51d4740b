/** Text of each generated file, by its path from the repository's root. */
export function generate(): Map<string, string>;
