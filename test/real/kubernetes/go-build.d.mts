/** The version of Go that builds the module in a folder, where there is one that is new enough. */
export function findGo(folder: string): string | undefined;
